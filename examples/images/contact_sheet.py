"""Lay the thumbnails of a run out on one sheet."""

from __future__ import annotations

import argparse
import json
from math import ceil, sqrt
from pathlib import Path

from PIL import Image, ImageOps

GAP = 6
MOST_PIXELS = 16_000
"""WebP takes 16,383 a side."""


def main() -> None:
    """Read the command line and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="what `run -o` wrote")
    parser.add_argument("sheet", type=Path, help="the sheet to write, `.webp` or another image")
    parser.add_argument("--cell", type=int, default=120, help="pixels for a thumbnail (120)")
    arguments = parser.parse_args()
    thumbnails = thumbnails_of(arguments.output)
    columns = max(1, ceil(sqrt(len(thumbnails))))
    if columns * (arguments.cell + GAP) + GAP > MOST_PIXELS:
        parser.error(f"{len(thumbnails):,} thumbnails do not fit; try a smaller --cell")
    contact_sheet(thumbnails, columns, arguments.cell).save(arguments.sheet)
    print(f"{len(thumbnails):,} thumbnails in {arguments.sheet}")


def thumbnails_of(output: Path) -> list[str]:
    """Return the files of the thumbnails, in the order of the run's input."""
    with output.open(encoding="utf-8") as lines:
        records = sorted((json.loads(line) for line in lines), key=lambda record: record["index"])
    return [record["result"]["thumbnail"] for record in records]


def contact_sheet(thumbnails: list[str], columns: int, cell: int) -> Image.Image:
    """Return a grid of the thumbnails, each made to fit a cell."""
    step = cell + GAP
    rows = max(1, ceil(len(thumbnails) / columns))
    sheet = Image.new("RGB", (columns * step + GAP, rows * step + GAP), "white")
    for number, path in enumerate(thumbnails):
        row, column = divmod(number, columns)
        with Image.open(path) as thumbnail:
            fitted = ImageOps.pad(thumbnail, (cell, cell), color="white")
        sheet.paste(fitted, (GAP + column * step, GAP + row * step))
    return sheet


if __name__ == "__main__":
    main()
