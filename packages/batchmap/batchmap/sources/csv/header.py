"""The names of the columns of a CSV file."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["column_names", "look_like_data", "numbered"]

_NUMBERED = "column_{}"


def numbered(width: int) -> list[str]:
    """Return names for columns that have none: `column_1` and so on."""
    return [_NUMBERED.format(number) for number in range(1, width + 1)]


def column_names(header: Sequence[str]) -> tuple[list[str], str]:
    """Return a name of its own for each cell of a header, and what is to be told of them.

    An empty cell is named by its place, from 1: `column_1`. A name that stands before already gets
    a number: `a`, `a_2`.
    """
    given = {name for name in header if name.strip()}
    names: list[str] = []
    used: set[str] = set()
    next_number: dict[str, int] = {}
    renamed: list[str] = []
    for place, cell in enumerate(header, 1):
        wanted = name = cell if cell.strip() else _NUMBERED.format(place)
        if name in used or (wanted != cell and name in given):
            number = next_number.get(wanted, 2)
            while (name := f"{wanted}_{number}") in used or name in given:
                number += 1
            next_number[wanted] = number + 1
            renamed.append(f"{wanted:.40} in column {place} is {name:.50}")
        used.add(name)
        names.append(name)
    if not renamed:
        return names, ""
    more = f", and {len(renamed) - 1} more" if len(renamed) > 1 else ""
    return names, f"has names twice in its header: {renamed[0]}{more}"


def look_like_data(header: Sequence[str]) -> bool:
    """Tell whether what should be names are numbers, all of them."""
    cells = [cell for cell in header if cell.strip()]
    try:
        return bool(cells) and all(float(cell) is not None for cell in cells)
    except ValueError:
        return False
