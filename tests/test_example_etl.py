"""The example `etl` through the command line: its orders, its rejections, killed and resumed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.run_command import Done, command, json_lines
from tests.waiting import wait_until

EXAMPLE = ROOT / "examples" / "etl"
ORDERS = 12_000
ROWS_PER_FILE = 600
ROWS = (f"{EXAMPLE}/orders.py:transform", "orders.csv", "-k", "--setup", "load")
FILES = (f"{EXAMPLE}/order_files.py:transform_file", "orders/*.csv", "--setup", "load")
HEADER = "order_id,customer_id,ordered_on,quantity,unit_price,currency\n"

for package in ("pydantic", "pyarrow", "polars", "duckdb"):
    pytest.importorskip(package, reason=f"the example needs {package}", exc_type=ImportError)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample data once."""
    directory = tmp_path_factory.mktemp("made") / "data"
    words = f"--orders {ORDERS} --rows-per-file {ROWS_PER_FILE} --dirty 0.1 --seed 7".split()
    ran(directory.parent, "sample.py", str(directory), *words)
    return directory


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """Give a directory with the sample data, where the commands are run."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def ran(directory: Path, script: str, *words: str) -> str:
    """Run a script of the example, and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / script), *words],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run(data: Path, *words: str) -> Done:
    """Run `main.py run` to its end."""
    return subprocess.run(
        command(*words, "--no-progress"),
        cwd=data,
        env={**os.environ, "ETL_DATA": str(data)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def kill_once(ready: Callable[[], bool], data: Path, *words: str) -> None:
    """Start `main.py run`, and kill it as soon as `ready`."""
    with subprocess.Popen(
        command(*words, "--no-progress"),
        cwd=data,
        env={**os.environ, "ETL_DATA": str(data)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(ready, process=process)
        process.kill()


def table(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file or of a directory of partitions, by order."""
    import polars

    source = str(path / "**/*.parquet") if path.is_dir() else path
    rows = polars.read_parquet(source, hive_partitioning=path.is_dir(), try_parse_hive_dates=False)
    return rows.select(sorted(rows.columns)).sort("order_id").to_dicts()


def rejections(path: Path) -> dict[str, str]:
    """Return the reason for each row that an errors file holds, by its order."""
    return {line["item"]["order_id"]: line["error"] for line in json_lines(path)}


def test_rows_become_typed_orders_in_euros_or_are_rejected_with_reasons(data: Path) -> None:
    (data / "few.csv").write_text(
        HEADER + "1,7,2024-02-29,3,10.05, usd \n"
        "2,7,2024-02-30,3,10.05,EUR\n"
        "x,7,2024-02-03,0,1e3,EUR\n"
        "4,7,2024-02-03,1,10.05,XXX\n"
        "5,99999999,2024-02-03,1,10.05,EUR\n"
        "6,7,2024-02-03,1,0.001,EUR\n"
    )
    done = run(data, ROWS[0], "few.csv", *ROWS[2:], "-o", "few.parquet")
    assert done.returncode == 1, done.stderr
    (order,) = table(data / "few.parquet")
    country = order.pop("country")
    assert country in {"AT", "CH", "DE", "FR", "GB", "US"}
    assert order == {
        "order_id": 1,
        "customer_id": 7,
        "ordered_on": date(2024, 2, 29),
        "quantity": 3,
        "unit_price": Decimal("10.05"),
        "currency": "USD",
        "month": "2024-02",
        "amount_eur": Decimal("27.78"),  # 30.15 * 0.9215 = 27.783...
    }
    reasons = rejections(data / "few.parquet.errors.jsonl")
    columns = {
        number: [r.split(":")[0] for r in why.split("; ")] for number, why in reasons.items()
    }
    assert columns == {
        "2": ["ordered_on"],
        "x": ["order_id", "quantity"],
        "4": ["currency"],
        "5": ["customer_id"],
        "6": ["unit_price"],
    }
    assert reasons["4"] == "currency: there is no rate for 'XXX'"
    assert "few.csv line 3: ValueError: ordered_on" in done.stdout


@pytest.mark.slow
def test_rows_and_files_come_to_the_totals_of_an_independent_query(data: Path) -> None:
    done = run(data, *ROWS, "-o", "orders.parquet")
    assert done.returncode == 1, done.stderr
    reasons = rejections(data / "orders.parquet.errors.jsonl")
    assert len(table(data / "orders.parquet")) + len(reasons) == ORDERS
    assert 0.05 * ORDERS < len(reasons) < 0.1 * ORDERS
    printed = ran(data, "partition.py", "orders.parquet", "by-month")
    assert "repeated orders in by-month-repeated.csv" in printed
    assert ran(data, "check.py", "orders.csv", "by-month").endswith("orders: equal\n")

    done = run(data, *FILES, "-o", "files.jsonl")
    assert done.returncode == 0, done.stderr
    results = [line["result"] for line in json_lines(data / "files.jsonl")]
    rejected = [row for result in results for row in result["rejected"]]
    assert {row["row"]["order_id"]: row["reason"] for row in rejected} == reasons
    assert sum(result["orders"] for result in results) == ORDERS - len(reasons)
    ran(data, "partition.py", "staged", "from-files")
    assert table(data / "from-files") == table(data / "by-month")


@pytest.mark.slow
def test_the_check_finds_an_order_that_is_missing(data: Path) -> None:
    run(data, *FILES, "-o", "files.jsonl")
    (data / "staged" / "0003.parquet").unlink()
    ran(data, "partition.py", "staged", "by-month")
    with pytest.raises(AssertionError, match="1, ''"):
        ran(data, "check.py", "orders.csv", "by-month")


@pytest.mark.slow
def test_rows_killed_and_resumed_are_those_of_an_uninterrupted_run(data: Path) -> None:
    parts = data / "killed.parquet.parts"
    kill_once(
        lambda: len(list(parts.glob("part-*.parquet"))) >= 2,  # the first is in the journal
        data,
        *(*ROWS, "-o", "killed.parquet", "--rate", "2000"),
    )
    assert not (data / "killed.parquet").exists()
    done = run(data, *ROWS, "-o", "killed.parquet", "--resume")
    assert done.returncode == 1, done.stderr
    assert " before" in done.stdout
    run(data, *ROWS, "-o", "whole.parquet")
    assert table(data / "killed.parquet") == table(data / "whole.parquet")
    errors = [data / f"{name}.parquet.errors.jsonl" for name in ("killed", "whole")]
    assert rejections(errors[0]) == rejections(errors[1])
    assert not parts.exists()


@pytest.mark.slow
def test_files_killed_and_resumed_are_those_of_an_uninterrupted_run(data: Path) -> None:
    output = data / "killed.jsonl"
    sizes: set[int] = set()

    def has_grown_twice() -> bool:  # what came first is in the journal
        if output.exists():
            sizes.add(output.stat().st_size)
        return len(sizes - {0}) >= 2

    kill_once(
        has_grown_twice,
        data,
        *(*FILES, "-o", output.name, "--rate", "6"),
    )
    assert output.read_bytes().count(b"\n") < ORDERS / ROWS_PER_FILE
    done = run(data, *FILES, "-o", output.name, "--resume")
    assert done.returncode == 0, done.stderr
    assert " before" in done.stdout
    ran(data, "partition.py", "staged", "killed")
    shutil.rmtree(data / "staged")
    run(data, *FILES, "-o", "whole.jsonl")
    ran(data, "partition.py", "staged", "whole")
    lines = [sorted((data / name).read_bytes().splitlines()) for name in (output, "whole.jsonl")]
    assert lines[0] == lines[1]
    assert table(data / "killed") == table(data / "whole")
    assert {path.suffix for path in (data / "staged").iterdir()} == {".parquet"}


def test_a_file_that_is_no_text_is_reported_and_the_rest_is_done(data: Path) -> None:
    (data / "orders" / "0002.csv").write_bytes(HEADER.encode() + b"\xff\xfe\n")
    done = run(data, *FILES, "-o", "files.jsonl")
    assert done.returncode == 1
    (failure,) = json_lines(data / "files.jsonl.errors.jsonl")
    assert (failure["item"], failure["error_type"]) == ("orders/0002.csv", "UnicodeDecodeError")
    assert len(json_lines(data / "files.jsonl")) == ORDERS / ROWS_PER_FILE - 1


def test_files_are_planned_on_processes_for_they_compute(data: Path) -> None:
    ran(data, "sample.py", ".", "--orders", "60000", "--rows-per-file", str(ROWS_PER_FILE))
    for _ in range(5):  # other programs on the cores make computing look like waiting
        done = run(data, *FILES, "--dry-run")
        assert done.returncode == 0, done.stderr
        if "- Backend: process\n" in done.stdout:
            break
    assert "- Backend chosen: processes, it holds the GIL\n" in done.stdout
