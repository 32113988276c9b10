"""In a daemonic process of `multiprocessing`, as the workers of its pools are."""

import multiprocessing
import sys

from host import called


def run(check, arguments):
    check(*arguments)


def main():
    check, arguments = called()
    process = multiprocessing.Process(target=run, args=(check, arguments), daemon=True)
    process.start()
    process.join()
    sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
