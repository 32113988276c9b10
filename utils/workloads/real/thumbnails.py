"""Real work on images: thumbnails made of large JPEG pictures by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from random import Random

from ..seeded import generator
from .base import RealWork, WorkItems

__all__ = ["MakeThumbnail", "prepare_thumbnails"]

MAX_IMAGES = 24
"""How many images are written; more items than that use the same images at other sizes."""

IMAGE_SIZE = (1600, 1200)
PATCHES = (40, 30)
"""How many patches of colour an image is blurred from, across and down."""

MAX_EDGE = 160
"""The longest edge of the largest thumbnail, in pixels."""

QUALITY = 85


@dataclass(frozen=True, slots=True)
class MakeThumbnail:
    """Scales an image in `directory` down; the thumbnail's file is not written."""

    directory: str

    def __call__(self, item: tuple[str, int]) -> tuple[int, int, str]:
        """Return width, height (pixels) and digest; an item is an image and its longest edge."""
        from PIL import Image

        name, edge = item
        file = BytesIO()
        with Image.open(Path(self.directory) / name) as image:
            image.thumbnail((edge, edge))
            image.save(file, "JPEG", quality=QUALITY)
            width, height = image.size
        return width, height, blake2b(file.getvalue(), digest_size=16).hexdigest()


@contextmanager
def prepare_thumbnails(directory: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Write large images; the items are each of them at one size after another."""
    random = generator(seed, "images")
    names = [f"image-{index:02}.jpg" for index in range(min(count, MAX_IMAGES))]
    for name in names:
        _write_image(directory / name, random)
    items = tuple(
        (names[index % len(names)], MAX_EDGE - index // len(names) % (MAX_EDGE // 2))
        for index in range(count)
    )
    yield RealWork(MakeThumbnail(str(directory)), WorkItems("images", items))


def _write_image(path: Path, random: Random) -> None:
    from PIL import Image

    width, height = PATCHES
    patches = Image.frombytes("RGB", PATCHES, random.randbytes(3 * width * height))
    patches.resize(IMAGE_SIZE, Image.Resampling.BICUBIC).save(path, "JPEG", quality=QUALITY)
