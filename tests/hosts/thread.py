"""In a thread, while the main thread waits."""

import threading

from host import called


def main():
    check, arguments = called()
    errors = []

    def run():
        try:
            check(*arguments)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


if __name__ == "__main__":
    main()
