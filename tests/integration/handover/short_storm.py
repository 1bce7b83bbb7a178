# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# alone
"""A short reload storm of all kinds of clients, with worker counts that change and generations killed before they are live."""
import os
import subprocess
import sys

from harness import *

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
done = subprocess.run([f'{root}/scripts/storm', '--build', BUILD, '--reloads', '10', '--kills', '4', '--pause', '0.3', '--bound', '2'])
sys.exit(done.returncode)
