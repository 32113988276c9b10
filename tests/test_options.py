"""The table of options: one row is all that an option needs to be read, checked and shown."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from batchmap import __version__
from batchmap.command.application import Application
from batchmap.command.arguments import Program, Subcommand, flags_of
from batchmap.command.errors import flag_spelling
from batchmap.command.help import subcommand_help
from batchmap.command.main import PROGRAM as BATCHMAP
from batchmap.command.monitoring.monitoring import Monitoring
from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import CommandSettings
from batchmap.errors import BatchmapError, InputError, UsageError
from batchmap.options import EngineOptions, JobOptions, OptionRow, option, rows_of, values
from batchmap.options.option_row import OptionError
from batchmap.options.rate_values import rates
from batchmap.stopping import StopRequest
from batchmap.text import printable

from batchmap_workbook.utils.cli.arguments import PROGRAM as MAIN
from batchmap_workbook.utils.cli.settings import Settings
from tests.conftest import RunMain

SUBCOMMANDS = [(MAIN, one) for one in MAIN.subcommands] + [
    (BATCHMAP, one) for one in BATCHMAP.subcommands
]
OPTIONS = [
    pytest.param(program, one, row, id=f"{program.name}-{one.name}-{row.name}")
    for program, one in SUBCOMMANDS
    for row in one.rows()
]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[type, dict[str, Any]]:
    """Give what the settings need at least, by class, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return {RunSettings: {"task": "builtins:len", "source": "-"}, Settings: {}}


@pytest.mark.parametrize("settings", [EngineOptions, JobOptions, RunSettings, Settings])
def test_each_field_of_settings_is_a_row_of_the_table(settings: type[Any]) -> None:
    rows = list(rows_of(settings))
    assert [row.name for row in rows] == [field.name for field in fields(settings)]
    assert all(row.help and row.group and row.help[0].islower() for row in rows)


@pytest.mark.parametrize(("program", "subcommand", "row"), OPTIONS)
def test_each_flag_is_read_as_its_option(
    program: Program, subcommand: Subcommand, row: OptionRow
) -> None:
    for flag in flags_of(row):
        read, given = program.read([subcommand.name, flag, *([] if row.is_switch else ["7"])])
        expected = not row.default if row.is_switch else ["7"] if row.is_repeated else "7"
        assert (read, given) == (subcommand, {row.name: expected, "errors_before": []})


@pytest.mark.parametrize(("program", "subcommand", "row"), OPTIONS)
def test_each_option_has_its_line_in_the_help_under_its_group(
    program: Program, subcommand: Subcommand, row: OptionRow
) -> None:
    _, _, below = subcommand_help(program, subcommand, in_full=True).partition(f"\n{row.group}:\n")
    group = re.split(r"\n(?=\S)", below)[0]
    [place] = re.finditer(rf"^  {', '.join(flags_of(row))}(?= |$)", group, re.MULTILINE)
    text = " ".join(group[place.end() :].split())
    choices = f"NAME {row.help}: {row.metavar}"
    assert text.startswith((choices, f"{row.metavar} {row.help}".strip()))


@pytest.mark.parametrize(("program", "subcommand"), SUBCOMMANDS)
def test_no_two_options_have_a_flag_in_common(program: Program, subcommand: Subcommand) -> None:
    flags = subcommand.flags()
    assert len(flags) == len(set(flags))
    assert not {"-h", "--help", "--version"} & set(flags)


def test_the_command_has_every_option_of_a_job() -> None:
    of_run = {row.name: row for row in rows_of(RunSettings)}
    assert [of_run[row.name] for row in rows_of(JobOptions)] == list(rows_of(JobOptions))


WRONG: list[Any] = [
    "", " ", "nonsense", "-1", "0", "1e400", "nan", "\0", "a\nb", "{x}", "9" * 5000, "٣%", "/",
    -1, 0, math.nan, math.inf, 10**400, True, [], (), {}, object(), b"x", Path("none/x"),
]  # fmt: skip


@pytest.mark.parametrize("settings", [RunSettings, Settings])
def test_a_wrong_value_is_told_with_its_option_whatever_it_is(
    base: dict[type, dict[str, Any]], settings: type[CommandSettings]
) -> None:
    checked = [row for row in rows_of(settings) if row.parse is not None]
    refused = 0
    for row in checked:
        label = row.metavar if row.is_positional else flags_of(row)[-1]
        for value in WRONG:
            lines = faults(settings, base[settings] | {row.name: value})
            refused += bool(lines)
            assert not lines or any(label in line for line in lines), (row.name, value)
            assert not any("\n" in line for line in lines)
            # A file is named whole, what is no number is cut.
            assert all(len(line) < 400 or str(value) in line for line in lines)
    assert refused > 10 * len(checked)


def faults(settings: type[CommandSettings], given: dict[str, Any]) -> list[str]:
    """Return what is wrong with options, as it is printed; nothing where they are right."""
    try:
        settings.of(**given)
    except BatchmapError as error:
        return [printable(line) for line in error.lines(flag_spelling)]
    return []


# One more option ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PaintSettings(CommandSettings):
    """Settings with options that nothing else knows of."""

    colours: int = option(
        3, values.whole(1, 9, "for example 4"), group="Paint", metavar="N",
        help="how many colours",
    )  # fmt: skip
    drying_s: float = option(
        60.0, values.duration_s, group="Paint", metavar="S",
        help="how long a coat dries",
    )  # fmt: skip
    bucket_bytes: int | None = option(
        None, values.size_bytes, group="Paint", metavar="SIZE", help="what a bucket holds",
    )  # fmt: skip
    glossy: bool = option(False, group="Paint", help="let it shine")
    stirred: bool = option(True, group="Paint", help="take it as it is")
    brand: str = option("any", group="Paint", metavar="NAME", help="whose paint")
    wall: str = option("", group="Paint", metavar="WALL", is_positional=True, help="what to paint")
    late: str = option(
        "", group="Paint", metavar="X", commands=("varnish",), help="of another subcommand"
    )


PAINT = Subcommand("paint", "paint a wall", PaintSettings, {"wall": "WALL"})
PROGRAM = Program("python house.py", "Paint a house.", (PAINT,), "7")


def painted(*words: str) -> PaintSettings:
    subcommand, given = PROGRAM.read(["paint", *words])
    settings = subcommand.settings.of(**given)
    assert isinstance(settings, PaintSettings)
    return settings


def test_a_new_row_is_an_option_that_is_read() -> None:
    words = "north --colours 4 --drying 2m --bucket 2K --glossy --no-stirred --brand=-x -q"
    assert painted(*words.split()) == PaintSettings(
        wall="north", colours=4, drying_s=120.0, bucket_bytes=2048, glossy=True, stirred=False,
        brand="-x", quiet=True,
    )  # fmt: skip
    assert painted() == PaintSettings()


def test_a_new_row_is_an_option_that_is_shown() -> None:
    text = subcommand_help(PROGRAM, PAINT)
    assert text.startswith("usage: python house.py paint WALL [OPTION ...]\nPaint a wall.\n")
    _, _, below = text.partition("Paint:\n")
    assert below.splitlines()[:6] == [
        "  --colours N             how many colours",
        "  --drying S              how long a coat dries",
        "  --bucket SIZE           what a bucket holds",
        "  --glossy                let it shine",
        "  --no-stirred            take it as it is",
        "  --brand NAME            whose paint",
    ]
    assert "--late" not in text


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("--colours 10", "--colours must be at most 9, got 10; for example 4"),
        ("--drying x", "--drying must be from 0 to 86400 seconds, got 'x'; for example 0.5"),
        ("--bucket 0", "--bucket must be a size in bytes, got '0'; for example 500M or 2G"),
        ("--colour 4", "no option '--colour'; did you mean --colours?"),
        ("--drying", "--drying needs a value; house.py paint --help shows which"),
        ("--late x", "no option '--late'"),
        ("north --glossy south", "one argument too many: 'south'"),
    ],
)
def test_a_new_row_is_an_option_that_is_checked(words: str, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        painted(*words.split())
    assert caught.value.messages[0].startswith(fault)


def test_a_new_subcommand_needs_its_settings_and_what_it_does(
    capfd: pytest.CaptureFixture[str],
) -> None:
    done: list[PaintSettings] = []

    def paint(settings: PaintSettings, stop: StopRequest, monitoring: Monitoring) -> int:
        done.append(settings)
        return 5

    house = Application(PROGRAM, {"paint": paint})
    assert house.main(["paint", "north", "--colours", "4"]) == 5
    assert done == [PaintSettings(wall="north", colours=4)]
    assert house.main(["paint", "--colours", "0", "--nothing"]) == 2
    assert house.main(["--version"]) == 0
    assert capfd.readouterr() == (
        "house.py 7\n",
        "no option '--nothing'; house.py paint --help shows all\n"
        "--colours must be at least 1, got 0; for example 4\n",
    )
    assert len(done) == 1


# Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10), ("10s", 10), ("500ms", 0.5), ("5m", 300), ("1h", 3600), ("1m30s", 90),
        ("1h 1m 1s", 3661), ("1.5h", 5400), ("1e-3", 0.001), (2, 2),
    ],
)  # fmt: skip
def test_a_duration_has_units(text: Any, seconds: float) -> None:
    assert values.timeout_s(text, "--timeout") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "30s1m", "1d", "1m30", "5 m 5 m", "nan", "25h", "-1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--timeout must be above 0"):
        values.timeout_s(text, "--timeout")


@pytest.mark.parametrize(
    ("text", "per_second"),
    [
        ("30", 30),
        ("30/s", 30),
        ("120/m", 2),
        ("1/h", 1 / 3600),
        ("240k/m", 4000),
        ("1M", 1e6),
        (2.5, 2.5),
    ],
)
def test_a_rate_has_a_unit(text: Any, per_second: float) -> None:
    [rate] = rates(text, "--rate")
    assert rate.per_second == pytest.approx(per_second)


@pytest.mark.parametrize(
    "text", ["", "/s", "30/d", "30/", "k", "1G", "nan", "0/s", "-1", "30 s", "inf"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--rate must be above 0"):
        rates(text, "--rate")


def test_what_stands_behind_two_dashes_is_no_option_and_what_stands_before_is() -> None:
    _, given = PROGRAM.read(["paint", "--glosy", "--", "--glosy"])
    assert given["wall"] == "--glosy"
    assert given["errors_before"] == ["no option '--glosy'; did you mean --glossy?"]


def test_an_option_given_twice_has_its_last_value() -> None:
    assert painted("--colours", "4", "--colours=5").colours == 5


def test_an_option_is_not_found_by_its_beginning() -> None:
    with pytest.raises(UsageError, match=r"^no option '--col'"):
        painted("--col", "4")


@pytest.mark.parametrize("program", [MAIN, BATCHMAP])
def test_the_version_of_both_programs_is_the_librarys(program: Program) -> None:
    assert program.version == __version__


def test_main_says_its_version(run_main: RunMain) -> None:
    done = run_main("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"main.py {__version__}\n", "")


def test_files_to_be_read_that_are_missing_are_an_input_error_unless_more_is_wrong(
    base: dict[type, dict[str, Any]],
) -> None:
    given = base[RunSettings] | {"source": "none.txt"}
    with pytest.raises(InputError) as missing:
        Settings.of(input="none.txt")
    assert missing.value.messages == ("--input none.txt: there is no such file; check the path",)
    with pytest.raises(UsageError):
        Settings.of(input="none.txt", workers="0")
    assert RunSettings.of(**given).source == "none.txt"  # which is opened with the job
