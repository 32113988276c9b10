"""Make a tree of text files: the standard library's own sources, and files that make trouble."""

from __future__ import annotations

import argparse
import shutil
import sysconfig
from pathlib import Path
from random import Random

POEMS = {
    "cp1252": "La forêt près du château s'éveillait déjà quand l'été, très léger, passait.",
    "cp1251": "В тёмном лесу жил старый медведь и каждую осень он собирал ягоды.",
    "koi8_r": "Зимой снег ложится на крыши домов и дети катаются с горы на санках.",
    "cp1253": "Ο ήλιος ανέτειλε πάνω από τη θάλασσα και οι ψαράδες γύρισαν στο λιμάνι.",
    "cp932": "昔々、あるところに、おじいさんとおばあさんが住んでいました。",
    "utf-8-sig": "Größe, Maß und Übermut wohnen in derselben Straße.",
    "utf-16": "Każdy źrebak kończy dzień na łące, gdzie rośnie świeża trawa.",
    "utf-32": "Na kopci stojí starý mlýn a pod ním teče úzká řeka.",
}
"""A line of text for each encoding that a file is made in."""


def main() -> None:
    """Read the command line and make the tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="what to make; must not be there yet")
    parser.add_argument("--files", type=int, default=3000, help="sources to copy (3000)")
    parser.add_argument("--seed", type=int, default=0, help="what chance follows from (0)")
    arguments = parser.parse_args()
    try:
        arguments.directory.mkdir(parents=True)
    except OSError as error:
        parser.error(f"{arguments.directory} cannot be made: {error.strerror}")
    random = Random(arguments.seed)
    sources = copy_sources(arguments.directory / "library", arguments.files)
    add_duplicates(arguments.directory / "copies", sources, random)
    add_encodings(arguments.directory / "encodings", random)
    add_troubles(arguments.directory / "failures", random)


def copy_sources(directory: Path, count: int) -> list[Path]:
    """Copy `count` sources of the standard library, keeping their folders; return the copies.

    Where it has fewer, they are copied again with a line more, which makes them other files.
    """
    library = Path(sysconfig.get_path("stdlib"))
    sources = sorted(path for path in library.rglob("*.py") if "site-packages" not in path.parts)
    copies = []
    for number in range(count):
        again, place = divmod(number, len(sources))
        copy = directory / f"{again}" / sources[place].relative_to(library)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources[place], copy)
        if again:
            with copy.open("a") as file:
                file.write(f"# copied again: {again}\n")
        copies.append(copy)
    return copies


def add_duplicates(directory: Path, sources: list[Path], random: Random) -> None:
    """Copy a fiftieth of the sources a second time, under other names."""
    directory.mkdir()
    for number, source in enumerate(random.sample(sources, k=1 + len(sources) // 50)):
        shutil.copyfile(source, directory / f"copy-{number:03}.txt")


def add_encodings(directory: Path, random: Random) -> None:
    """Write a text in each encoding."""
    directory.mkdir()
    for encoding, poem in POEMS.items():
        lines = [f"{number} {poem}\n" for number in range(random.randint(20, 40))]
        (directory / f"{encoding}.txt").write_bytes("".join(lines).encode(encoding))


def add_troubles(directory: Path, random: Random) -> None:
    """Write files that are no text, are empty, have an odd name, or may not be read."""
    directory.mkdir()
    (directory / "picture.bin").write_bytes(random.randbytes(5000))
    (directory / "cut.txt").write_bytes("half a letter: é".encode("utf-16")[:-1])
    (directory / "empty.txt").touch()
    (directory / "a name, with 'quotes' and ümlauts.txt").write_text("one word\n")
    (directory / "locked.txt").write_text("nobody may read this\n")
    (directory / "locked.txt").chmod(0)


if __name__ == "__main__":
    main()
