"""Settings: every fault is told, all of one command line together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import InputError, UsageError
from batchmap.resources import usable_cores

from batchmap_workbook.utils.cli.settings import GATE_ROUNDS, Settings

GATED = {"task": "t.py:f", "input": __file__, "versus": "v1"}


def test_defaults_are_those_of_the_demonstration() -> None:
    settings = Settings.of()
    assert (settings.workload, settings.backend, settings.seed) == ("io", None, 0)
    assert (settings.latency_s, settings.failure_rate, settings.retries) == (0.5, 0.05, None)
    assert settings.count is settings.workers is settings.batch_size is None


def test_text_and_values_mean_the_same() -> None:
    as_text = Settings.of(count="7", workers="3", latency_s="0.25", failure_rate="0")
    assert as_text == Settings.of(count=7, workers=3, latency_s=0.25, failure_rate=0)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"details": True, "quiet": True},
            "--details asks for the whole report and --quiet for none; leave one out",
        ),
        ({"count": "0"}, "COUNT must be at least 1, got 0; for example 100"),
        ({"count": "x"}, "COUNT must be a whole number, got 'x'; for example 100"),
        ({"count": "1.0"}, "COUNT must be a whole number, got '1.0'; for example 100"),
        ({"count": True}, "COUNT must be a whole number, got True; for example 100"),
        (
            {"workers": "0"},
            "--workers must be at least 1, got 0; leave it out to have it chosen",
        ),
        (
            {"workers_positional": "0"},
            "WORKERS must be at least 1, got 0; leave it out to have it chosen",
        ),
        (
            {"workers": "0%"},
            "--workers must be at least 1, got 0; leave it out to have it chosen",
        ),
        (
            {"workers": "many"},
            "--workers must be a whole number, a percentage of the cores, bounds such as 4..200 "
            "or auto, got 'many'; leave it out to have it chosen",
        ),
        (
            {"workers": "200..4"},
            "--workers must have the smaller number first, got '200..4'; 4..200",
        ),
        ({"workers": "0..5"}, "--workers must be at least 1, got 0; for example 4..200"),
        (
            {"workers": "4..20000"},
            "--workers must be at most 10000, got 20000; for example 4..200",
        ),
        *(
            (
                {"workers": given},
                "--workers must be two whole numbers with .. between them, "
                f"got '{given}'; for example 4..200",
            )
            for given in ("4..", "..4", "a..b", "4...8", "-4..8", "50%..80%")
        ),
        *(
            (
                {"workers": "4..200", "backend": backend},
                "--workers 4..200: bounds are for threads and coroutines, which may wait in any "
                f"number, and the backend is {backend}; give one number",
            )
            for backend in ("sequential", "process", "dask")
        ),
        (
            {"workers_positional": "4", "workers": "5"},
            "WORKERS is 4 and --workers is 5; give one of them",
        ),
        (
            {"batch_size": "0"},
            "--batch-size must be at least 1, got 0; leave it out to have it chosen",
        ),
        ({"failure_rate": "2"}, "--failure-rate must be from 0 to 1, got 2; 0.05 is 5 %"),
        ({"failure_rate": "nan"}, "--failure-rate must be from 0 to 1, got nan; 0.05 is 5 %"),
        (
            {"latency_s": "-1"},
            "--latency must be from 0 to 86400 seconds, got '-1'; for example 0.5",
        ),
        *(
            (
                {**GATED, "gate": given},
                f"--gate must be a percentage above 0% and up to 1000%, got "
                f"{given}; for example 10%",
            )
            for given in ("10", "0%", "-5%", "nan", "1e3%", "1001%", "ten", 0, 11.0)
        ),
        (
            {"gate": "10%"},
            "--gate 10%: needs --against FILE or --versus REV, to compare with; add one",
        ),
        (
            {"gate": "10%", "against": __file__, "sweep": "1,2"},
            "--gate takes the saved number of workers, so not --sweep; leave one out",
        ),
        ({"versus": "v1"}, "--versus v1: needs TASK and INPUT, to be run at both revisions"),
        *(
            (
                {**GATED, name: given},
                f"--versus runs both sides itself, so not with --{name}; leave one out",
            )
            for name, given in (("against", __file__), ("save", "x.json"), ("sweep", "1,2"))
        ),
        (
            {**GATED, "backend": "dask"},
            "--versus runs on this machine alone, so not with --backend dask",
        ),
        ({"retries": "-1"}, "--retries must be at least 0, got -1; 0 means one attempt"),
        ({"seed": "1.5"}, "--seed must be a whole number, got '1.5'; for example 7"),
        (
            {"workload": "nmber"},
            "--workload must be one of io, text, number, got 'nmber'; did you mean number?",
        ),
        (
            {"backend": "gpu"},
            "--backend must be one of auto, sequential, thread, process, async, dask, got 'gpu'",
        ),
    ],
)
def test_a_fault_names_the_value_and_the_way_out(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.of(**options)
    assert caught.value.messages == (fault,)


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.of(count="0", failure_rate="2", input=str(tmp_path / "missing"))
    assert [fault.split()[0] for fault in caught.value.messages] == [
        "COUNT",
        "--failure-rate",
        "--input",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("0.05", 0.05), ("50ms", 0.05), ("2s", 2.0), ("5m", 300.0), ("0", 0.0)]
)
def test_a_latency_may_carry_its_unit(text: str, seconds: float) -> None:
    assert Settings.of(latency_s=text).latency_s == pytest.approx(seconds)


def test_workers_may_be_a_percentage_of_the_usable_cores() -> None:
    assert Settings.of(workers="100%").workers == usable_cores()
    assert Settings.of(workers="1%").workers == 1
    assert Settings.of(workers="400%").workers == 4 * usable_cores()
    assert Settings.of(workers="auto").workers is None


def test_workers_given_twice_alike_are_no_fault() -> None:
    assert Settings.of(workers_positional="4", workers="4").workers == 4


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_an_input_that_cannot_be_read_is_an_input_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "directory" else tmp_path / "missing.txt"
    with pytest.raises(InputError, match=r"^--input .*(no such file|a directory)"):
        Settings.of(input=str(path))


def test_the_export_must_not_be_the_input(tmp_path: Path) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("one\n")
    alias = tmp_path / "alias.txt"
    alias.symlink_to(source)
    with pytest.raises(UsageError, match="that is the input"):
        Settings.of(input=str(source), export_json=str(alias))
    assert source.read_text() == "one\n"


def test_an_export_into_no_directory_is_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make it first"):
        Settings.of(export_json=str(tmp_path / "none" / "x.json"))


def test_data_and_input_exclude_each_other(tmp_path: Path) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("one\n")
    with pytest.raises(UsageError, match="leave one out"):
        Settings.of(input=str(source), data="text")


def test_an_option_that_does_not_exist_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="coutn"):
        Settings.of(coutn=5)


def test_a_gate_takes_several_rounds_of_a_saved_benchmark_and_a_share_or_a_percentage() -> None:
    against = {"against": __file__}
    assert Settings.of(gate="10%", **against).repeat == GATE_ROUNDS
    assert Settings.of(gate="10%", repeat=3, **against).repeat == 3
    assert Settings.of(**against).repeat == Settings.of(**GATED, gate="10%").repeat == 1
    for given, share in (("10%", 0.1), (" 2.5 % ", 0.025), ("1000%", 10), (0.1, 0.1)):
        assert Settings.of(gate=given, **against).gate == share
