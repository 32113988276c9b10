"""The example of images, from its photographs to its contact sheet, as its README says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, rest_slow
from tests.run_command import Place, command, json_lines, place
from tests.waiting import has_lines, wait_until

__all__ = ["place"]

Image: Any = pytest.importorskip("PIL.Image", reason="needs pillow")
ImageFilter: Any = pytest.importorskip("PIL.ImageFilter", reason="needs pillow")
ImageStat: Any = pytest.importorskip("PIL.ImageStat", reason="needs pillow")
features: Any = pytest.importorskip("PIL.features", reason="needs pillow")
if not features.check("webp"):
    pytest.skip("needs a pillow that writes WebP", allow_module_level=True)

EXAMPLE = ROOT / "examples" / "images"
TASK = f"{EXAMPLE}/tasks.py:make_thumbnail"
PHOTOS = 40
WIDTH = 800
BAD = {
    "bomb.png": "DecompressionBombError",
    "empty.jpg": "UnidentifiedImageError",
    "floating-point.tif": "ValueError",
    "no-image.jpg": "UnidentifiedImageError",
    "small-bomb.png": "DecompressionBombWarning",
    "truncated.jpg": "OSError",
}
SOONEST_KILL = 8
"""Lines of output before a run is killed."""

SKY, SUN, GREY_SUN, WHITE = (90, 150, 230), (255, 220, 60), (212, 212, 212), (255, 255, 255)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample data."""
    directory = tmp_path_factory.mktemp("photos") / "originals"
    words = ["--photos", str(PHOTOS), "--width", str(WIDTH)]
    subprocess.run(script("make_photos.py", str(directory), *words), check=True, timeout=60)
    return directory


def script(name: str, *words: str) -> list[str]:
    return [sys.executable, str(EXAMPLE / name), *words]


def task(photos: Path, output: str = "thumbnails.jsonl") -> list[str]:
    """Return the words of the README's command."""
    return [TASK, f"{photos}/**/*", "-o", output]


def opened(path: Path) -> Any:
    """Return the image, decoded in full."""
    with Image.open(path) as image:
        image.load()
        return image


def is_near(colour: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 30 for one, other in zip(colour, wanted, strict=True))


@pytest.mark.parametrize("backend", rest_slow(1, "thread", "process"))
def test_each_image_has_a_thumbnail_or_is_reported(
    place: Place, photos: Path, backend: str
) -> None:
    done = place.run(*task(photos), "--backend", backend)
    assert (done.returncode, done.stderr) == (1, "")
    failures = {
        Path(line["item"]).name: line["error_type"]
        for line in place.failures("thumbnails.jsonl.errors.jsonl")
    }
    assert failures == BAD
    lines = json_lines(place.directory / "thumbnails.jsonl")
    images = {path for path in photos.rglob("*") if path.is_file() and path.name not in BAD}
    assert {Path(line["item"]) for line in lines} == images
    made = {line["result"]["thumbnail"] for line in lines}
    assert {f"thumbnails/{path.name}" for path in place.directory.glob("thumbnails/*")} == made
    assert len(made) == len(lines)
    for line in lines:
        check_thumbnail(place.directory, line["result"])


def check_thumbnail(directory: Path, result: dict[str, Any]) -> None:
    thumbnail = opened(directory / result["thumbnail"])
    assert (thumbnail.format, thumbnail.mode) == ("WEBP", "RGB")
    assert list(thumbnail.size) == result["thumbnail_size"]
    width, height = thumbnail.size
    assert 4 * height == 3 * width <= 4 * 240
    assert not thumbnail.getexif()
    name = Path(result["thumbnail"]).name
    sun = thumbnail.getpixel((width // 8, height * 5 // 32))
    if name.startswith(("black-and-white", "16-bit", "grey")):
        wanted: tuple[int, ...] = GREY_SUN
    elif name.startswith("transparent"):
        wanted = tuple((255 + value) // 2 for value in SUN)
        assert is_near(thumbnail.getpixel((width - 1, 0)), WHITE)
    else:
        wanted = SUN
        assert is_near(thumbnail.getpixel((width - 4, height // 6)), SKY)
    assert name.startswith(("black-and-white", "transparent")) or is_near(sun, wanted), name
    bright = [
        min(thumbnail.getpixel((x, y))) for x in range(width // 2, width) for y in rows(height)
    ]
    assert max(bright) > 170, f"{name} has no watermark"


def test_a_thumbnail_is_sharper_than_one_that_is_only_smaller(place: Place, photos: Path) -> None:
    place.run(TASK, f"{photos}/album/photo-0000.jp[g]", "-o", "thumbnails.jsonl")
    [made] = place.directory.glob("thumbnails/*.webp")
    plain = opened(photos / "album" / "photo-0000.jpg")
    plain.thumbnail((320, 320))
    plain.save(place.directory / "plain.webp", quality=80)
    assert edges(opened(made)) > 1.1 * edges(opened(place.directory / "plain.webp"))


def edges(image: Any) -> float:
    """Return how much neighbours differ on average, the rows of the watermark left out."""
    above = image.crop((0, 0, image.width, image.height - 30)).convert("L")
    return float(ImageStat.Stat(above.filter(ImageFilter.FIND_EDGES)).mean[0])


def rows(height: int) -> range:
    """Return the rows of the watermark."""
    return range(height - 18, height - 6)


def test_photographs_come_in_all_orientations(photos: Path) -> None:
    orientations = {opened(path).getexif()[0x0112] for path in photos.glob("album/*")}
    assert orientations == set(range(1, 9))


@pytest.mark.slow
def test_the_contact_sheet_shows_every_thumbnail_in_its_place(place: Place, photos: Path) -> None:
    place.run(*task(photos))
    words = script("contact_sheet.py", "thumbnails.jsonl", "sheet.png", "--cell", "80")
    done = subprocess.run(words, cwd=place.directory, capture_output=True, text=True, check=True)
    lines = sorted(json_lines(place.directory / "thumbnails.jsonl"), key=lambda line: line["index"])
    assert done.stdout == f"{len(lines)} thumbnails in sheet.png\n"
    sheet = opened(place.directory / "sheet.png")
    columns = 7
    assert sheet.size == (columns * 86 + 6, -(-len(lines) // columns) * 86 + 6)
    for number, line in enumerate(lines):
        corner = (6 + number % columns * 86, 6 + number // columns * 86)
        # A thumbnail of 4 by 3 is centred in its cell; the sun is at an eighth of its width.
        sun = sheet.getpixel((corner[0] + 10, corner[1] + 10 + 9))
        if "photo-" in line["item"]:
            assert is_near(sun, SUN), line["item"]


@pytest.mark.slow
@pytest.mark.parametrize("order", [[], ["-k"]])
def test_a_killed_run_resumed_equals_one_that_was_not(
    place: Place, photos: Path, order: list[str]
) -> None:
    place.run(*task(photos, "whole.jsonl"), *order, THUMBNAILS="thumbnails")
    thumbnails = contents(place.directory / "thumbnails")
    (place.directory / "thumbnails").rename(place.directory / "those-before")
    words = [*task(photos, "killed.jsonl"), *order]
    kill_half_way(place, *words, "--rate", "40")
    assert SOONEST_KILL <= place.text("killed.jsonl").count("\n") < PHOTOS
    for path in place.directory.glob("thumbnails/*.webp"):
        opened(path)  # none is half-written
    resumed = place.run(*words, "--resume", quiet=False)
    assert resumed.returncode == 1, resumed.stderr
    whole, killed = (place.text(name).splitlines() for name in ("whole.jsonl", "killed.jsonl"))
    assert killed == whole if order else sorted(killed) == sorted(whole)
    failed = [
        [(line["index"], line["error"]) for line in place.failures(f"{name}.jsonl.errors.jsonl")]
        for name in ("whole", "killed")
    ]
    assert failed[0] == failed[1] != []
    assert contents(place.directory / "thumbnails") == thumbnails
    place.check_no_process()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("*.webp")}


def kill_half_way(place: Place, *words: str) -> None:
    """Start a run, and kill it with all its processes once some of its output is there."""
    output = place.directory / "killed.jsonl"
    run = subprocess.Popen(
        command(*words, "--no-progress"),
        cwd=place.directory,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: has_lines(output, SOONEST_KILL), process=run)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        code = run.wait(60)
    assert code == -signal.SIGKILL


def test_a_thumbnail_is_whole_or_not_there_and_a_failed_one_leaves_nothing(
    place: Place, photos: Path
) -> None:
    place.write(
        "full_disk.py",
        f"import sys; sys.path.insert(0, {str(EXAMPLE)!r})\n"
        "import os, tasks, types\n"
        "def fails(*_): raise OSError('the disk is full')\n"
        "tasks.os = types.SimpleNamespace(**vars(os) | {'replace': fails})\n"
        "make_thumbnail = tasks.make_thumbnail\n",
    )
    words = [
        "full_disk.py:make_thumbnail",
        f"{photos}/album/*.jpg",
        "-o",
        "out.jsonl",
        "--limit",
        "3",
        "--backend",
        "thread",  # a worker process would import the module as it is
    ]
    assert place.run(*words).returncode == 1
    errors = place.failures()
    assert [line["error"] for line in errors] == ["the disk is full"] * 3
    assert list((place.directory / "thumbnails").iterdir()) == []


@pytest.mark.slow
def test_a_dry_run_names_threads_for_pillow_releases_the_gil(place: Place, photos: Path) -> None:
    for _ in range(5):
        done = place.run(*task(photos), "--dry-run", quiet=False)
        assert done.returncode == 0, done.stderr
        if "Backend chosen: threads, it releases the GIL" in done.stdout:
            break
    else:
        if os.getloadavg()[0] > 1:
            pytest.skip("other programs take the cores that two threads are measured on")
        pytest.fail(done.stdout)
    assert "- Backend: thread" in done.stdout
    assert "thumbnails.jsonl" not in place.names()


@pytest.mark.slow
def test_the_commands_of_the_readme_do_what_it_says(place: Place) -> None:
    text = (EXAMPLE / "README.md").read_text()
    lines = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    lines = lines.replace("/tmp/photos", str(place.directory)).replace("python ", '"$PYTHON" ')
    lines = lines.replace("/originals\n", f"/originals --photos {PHOTOS} --width {WIDTH}\n", 1)
    done = subprocess.run(
        ["bash", "-c", lines],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1, done.stderr  # of the resumed run: files failed
    assert "Traceback" not in done.stderr
    found = json_lines(place.directory / "thumbnails.jsonl")
    again = json_lines(place.directory / "again.jsonl")
    assert again == sorted(found, key=lambda line: int(line["index"]))
    assert len(again) == PHOTOS + 7
    assert opened(place.directory / "sheet.webp").mode == "RGB"
    assert "six files failed" in text
    assert len(place.failures("again.jsonl.errors.jsonl")) == 6
