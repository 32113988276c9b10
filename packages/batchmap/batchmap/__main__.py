"""`python -m batchmap` is the command `batchmap`, of the interpreter that is named."""

from batchmap.command.entry_point import entry_point

if __name__ == "__main__":
    entry_point()
