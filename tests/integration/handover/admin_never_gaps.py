# SPDX-License-Identifier: Apache-2.0
"""The admin interface answers at every moment of a reload, on the same address."""
import threading

from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200)]))
address, done, answers, failures = supervisor.admin_address, threading.Event(), [], []

def poll():
    while not done.is_set():
        try:
            response = request(address, "/ready")
            answers.append(response.status if response.status == 200 else response)
        except OSError as error:
            failures.append(repr(error))
        except AssertionError as error:
            failures.append(str(error))

thread = threading.Thread(target=poll)
thread.start()
for _ in range(3):
    supervisor.reload()
done.set()
thread.join()
expect(failures, [])
expect_true(len(answers) > 20 and set(answers) == {200}, f'{len(answers)} answers: {[one for one in answers if one != 200]}')
expect(supervisor.admin_address, address)
