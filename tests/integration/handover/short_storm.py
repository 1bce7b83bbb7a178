# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# alone
"""A short reload storm, with worker counts that change and generations killed before they are live."""
import os
import subprocess
import sys

from harness import *

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
done = subprocess.run([f'{root}/scripts/storm', '--build', BUILD, '--reloads', '6', '--kills', '4', '--pause', '0.2'])
sys.exit(done.returncode)
