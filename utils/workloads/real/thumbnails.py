"""Real work on images: small JPEG pictures made of large ones, through Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from random import Random

from .base import RealWork, WorkItems
from .sample_text import generator

__all__ = ["MakeThumbnail", "prepare_thumbnails"]

MOST_IMAGES = 24
"""Images on the disk; items beyond that take the same images at another size."""

IMAGE_SIZE = (1600, 1200)
PATCHES = (40, 30)
"""The colours that an image is blurred from, across and down."""

LARGEST_EDGE = 160
"""Of the largest thumbnail, in pixels."""

QUALITY = 85


@dataclass(frozen=True, slots=True)
class MakeThumbnail:
    """Scale an image in `directory` down, and tell what the file of the thumbnail would be."""

    directory: str

    def __call__(self, item: tuple[str, int]) -> tuple[int, int, str]:
        """Return width and height (pixels) and digest of an image's thumbnail of a longest edge."""
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
    """Write large images, and list each at as many sizes as `count` items take."""
    random = generator(seed, "images")
    names = [f"image-{index:02}.jpg" for index in range(min(count, MOST_IMAGES))]
    for name in names:
        _write_image(directory / name, random)
    items = tuple(
        (names[index % len(names)], LARGEST_EDGE - index // len(names) % (LARGEST_EDGE // 2))
        for index in range(count)
    )
    yield RealWork(MakeThumbnail(str(directory)), WorkItems("images", items))


def _write_image(path: Path, random: Random) -> None:
    from PIL import Image

    width, height = PATCHES
    patches = Image.frombytes("RGB", PATCHES, random.randbytes(3 * width * height))
    patches.resize(IMAGE_SIZE, Image.Resampling.BICUBIC).save(path, "JPEG", quality=QUALITY)
