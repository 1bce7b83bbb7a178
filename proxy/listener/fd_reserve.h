// SPDX-License-Identifier: Apache-2.0
// One descriptor kept back per worker. When accept() finds none left it is given up, so that what runs already (an
// upstream connect, a log that is reopened) still gets one; accepting goes on when it could be taken again.
#pragma once

#include "shm/unique_fd.h"

namespace heirloom::listener {

class FdReserve {
  public:
    FdReserve() { take(); }
    // True when the reserve is whole.
    bool take();
    void give_up() { fd_.reset(); }

  private:
    UniqueFd fd_;
};

}  // namespace heirloom::listener
