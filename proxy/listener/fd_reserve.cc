// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/fd_reserve.h"

#include <fcntl.h>

namespace heirloom::listener {

bool FdReserve::take() {
    if (!fd_) fd_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return fd_.valid();
}

}  // namespace heirloom::listener
