"""In a cell of a notebook, whose kernel has threads and an event loop that runs."""

import asyncio
import sys
from pathlib import Path

import nbclient
import nbformat

PROGRAMS = Path(__file__).parents[1] / "programs"


def main():
    name, *arguments = sys.argv[1:]
    program = (PROGRAMS / f"{name}.py").read_text()
    cells = [
        f"import sys; sys.path.insert(0, {str(PROGRAMS)!r})",
        program.partition('\nif __name__ == "__main__":')[0],
        f"check(*{arguments!r})",
    ]
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    main()
