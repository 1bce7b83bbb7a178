// SPDX-License-Identifier: Apache-2.0
// The memory of libnghttp2's sessions. For each stream the library takes some ten small pieces and gives them back;
// here they come from free lists of the thread, by size, and go back there. A session must stay on its thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace heirloom::http {

// For nghttp2_session_*_new3(). Null under the address sanitizer: then the heap serves, so that a use after the end is
// seen.
nghttp2_mem* http2_memory();

// Bytes in the free lists of this thread.
size_t http2_memory_kept();
inline constexpr size_t kHttp2MemoryLimit = 1024 * 1024;  // never more than this

}  // namespace heirloom::http
