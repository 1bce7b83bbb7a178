# SPDX-License-Identifier: Apache-2.0
"""When the very first generation fails the supervisor says why and exits 1."""
from harness import *

supervisor = Supervisor('nonsense: true\n', live=False)
expect(supervisor.wait(), 1)
expect_in('nonsense', supervisor.log)
