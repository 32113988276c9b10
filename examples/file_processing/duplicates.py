"""Print the files of a finished run that have the same contents."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path


def main() -> None:
    """Read the command line, and print each group of equal files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="what `run -o` wrote")
    groups = equal_files(parser.parse_args().output)
    for size, paths in groups:
        print(f"{len(paths)} files of {size:,} bytes:", *paths, sep="\n  ")
    wasted = sum(size * (len(paths) - 1) for size, paths in groups)
    print(f"{len(groups)} groups, {wasted:,} bytes could be saved")


def equal_files(output: Path) -> list[tuple[int, list[str]]]:
    """Return the groups of equal files: size in bytes, and paths; the most bytes wasted first."""
    groups: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            groups[record["result"]["sha256"], record["result"]["bytes"]].append(record["item"])
    equal = [(size, sorted(paths)) for (_, size), paths in groups.items() if len(paths) > 1]
    return sorted(equal, key=lambda group: (-group[0] * (len(group[1]) - 1), group[1]))


if __name__ == "__main__":
    main()
