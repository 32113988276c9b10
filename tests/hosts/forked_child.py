"""In a child of `os.fork`, whose parent has used the library before."""

import os
import sys
import traceback

from batchmap import parallel_map
from host import called


def main():
    check, arguments = called()
    assert parallel_map(abs, [-1], backend="thread") == [1]
    assert parallel_map(abs, [-1], backend="process") == [1]
    child = os.fork()
    if not child:
        code = 1
        try:
            check(*arguments)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
