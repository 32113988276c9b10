"""Make upright, sharpened, watermarked WebP thumbnails of photographs."""

import os
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

THUMBNAILS = Path(os.environ.get("THUMBNAILS", "thumbnails"))
EDGE = 320
WATERMARK = "© made-up photographs"
FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]  # for EPS, say, Pillow starts a program
Image.MAX_IMAGE_PIXELS = 50_000_000
warnings.simplefilter("error", Image.DecompressionBombWarning)


def make_thumbnail(path: str) -> dict[str, Any]:
    """Write the thumbnail of the image at `path`, and return what was made of what."""
    with Image.open(path, formats=FORMATS) as image:
        made_of = {"format": image.format, "mode": image.mode, "size": image.size}
        image.draft("RGB", (2 * EDGE, 2 * EDGE))  # a JPEG need not be decoded in full
        small = as_rgb(ImageOps.exif_transpose(image))
    small.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    small = small.filter(ImageFilter.UnsharpMask(radius=1, percent=80))
    add_watermark(small)
    digest = sha256(os.fsencode(path)).hexdigest()[:8]  # names may recur in other folders
    thumbnail = THUMBNAILS / f"{Path(path).stem[:40]}-{digest}.webp"
    save_whole(small, thumbnail)
    return made_of | {"thumbnail": str(thumbnail), "thumbnail_size": small.size}


def as_rgb(image: Image.Image) -> Image.Image:
    """Return the image in eight bits a colour, what is transparent on white."""
    if image.mode == "F":
        raise ValueError("floating point: what is black and what is white is not known")
    if image.mode.startswith("I"):  # sixteen bits
        image = image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def add_watermark(image: Image.Image) -> None:
    """Write the watermark over the lower right corner."""
    corner, white = (image.width - 6, image.height - 6), (255, 255, 255, 190)
    font = ImageFont.load_default(size=13)
    ImageDraw.Draw(image, "RGBA").text(corner, WATERMARK, white, font, "rs", stroke_width=1)


def save_whole(image: Image.Image, path: Path) -> None:
    """Save under another name first: at `path` is all of the image or none, even after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        image.save(part, "WEBP", quality=80)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
