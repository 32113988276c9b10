"""While the interpreter exits, in a function that `atexit` calls."""

import atexit
import os
import traceback

from host import called


def run(check, arguments):
    try:
        check(*arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    atexit.register(run, *called())
