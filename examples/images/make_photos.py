"""Make photographs as they come: in all orientations, formats and modes, and some broken ones."""

from __future__ import annotations

import argparse
import struct
import zlib
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera held an upright scene, by the number that it wrote into the EXIF data."""


def main() -> None:
    """Read the command line and make the photographs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="what to make; must not be there yet")
    parser.add_argument("--photos", type=int, default=200, help="sound photographs (200)")
    parser.add_argument("--width", type=int, default=1600, help="of each, in pixels (1600)")
    parser.add_argument("--seed", type=int, default=0, help="what chance follows from (0)")
    arguments = parser.parse_args()
    try:
        arguments.directory.mkdir(parents=True)
    except OSError as error:
        parser.error(f"{arguments.directory} cannot be made: {error.strerror}")
    random = Random(arguments.seed)
    size = (arguments.width, arguments.width * 3 // 4)
    album = arguments.directory / "album"
    album.mkdir()
    for number in range(arguments.photos):
        path = album / f"photo-{number:04}.jpg"
        save_as_held(scene(size, random), path, orientation=number % 8 + 1)
    save_odd_ones(arguments.directory / "odd", scene(size, random))
    save_broken_ones(arguments.directory / "broken", scene(size, random))


def scene(size: tuple[int, int], random: Random) -> Image.Image:
    """Return a blurred landscape of chance under a blue sky, with a sun in the upper left."""
    patches = Image.frombytes("RGB", (24, 18), random.randbytes(3 * 24 * 18))
    image = patches.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.rectangle((0, 0, width, height // 3), fill=(90, 150, 230))
    draw.ellipse((width // 16, height // 16, width // 5, height // 4), fill=(255, 220, 60))
    return image


def save_as_held(image: Image.Image, path: Path, *, orientation: int) -> None:
    """Save as a camera would that was held that way, which it notes in the EXIF data."""
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, quality=88, exif=exif)


def save_odd_ones(directory: Path, image: Image.Image) -> None:
    """Save the image in modes that are not three times eight bits."""
    directory.mkdir()
    image.convert("CMYK").save(directory / "cmyk.jpg")
    image.convert("L").save(directory / "grey.jpg")
    image.convert("1").save(directory / "black-and-white.png")
    image.quantize(64).save(directory / "palette.png")
    image.convert("L").convert("I").point(lambda value: value * 257).convert("I;16").save(
        directory / "16-bit.png"
    )
    see_through = image.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(image.size))
    see_through.save(directory / "transparent.webp")
    small = image.resize((200, 150))
    frames = [small.rotate(angle) for angle in (90, 180, 270)]
    small.save(directory / "animated.gif", save_all=True, append_images=frames)
    small.convert("F").save(directory / "floating-point.tif")


def save_broken_ones(directory: Path, image: Image.Image) -> None:
    """Save what must fail, and cost no more than itself."""
    directory.mkdir()
    whole = directory / "truncated.jpg"
    image.save(whole)
    whole.write_bytes(whole.read_bytes()[:-5000])
    (directory / "empty.jpg").touch()
    (directory / "no-image.jpg").write_text("This is a letter.\n")
    (directory / "bomb.png").write_bytes(black_png(12_000))
    (directory / "small-bomb.png").write_bytes(black_png(8_000))


def black_png(edge: int) -> bytes:
    """Return a black square of `edge` pixels: a small file, an image of many megabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((edge // 8 + 1) * edge))
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
