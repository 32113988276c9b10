"""In a module that the main script imports."""

from host import called

if __name__ == "__main__":
    check, arguments = called()
    check(*arguments)
