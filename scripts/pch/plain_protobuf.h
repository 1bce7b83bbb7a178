// SPDX-License-Identifier: Apache-2.0
// For what sees the configuration's messages on a TSan build: under TSan protobuf's headers lay out map fields in
// another way than Debian's library, which was built without. They ask for nothing but this macro.
#undef __SANITIZE_THREAD__
