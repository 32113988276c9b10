"""The example of inference: a model that each worker loads, called with lists of rows."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.run_command import Place, place

__all__ = ["place"]

pytest.importorskip("numpy", reason="needs numpy")

EXAMPLE = ROOT / "examples" / "inference"
MESSAGES = 2500


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the model and make the messages."""
    directory = tmp_path_factory.mktemp("inference")
    words = [str(EXAMPLE / "train.py"), str(directory), "--messages", str(MESSAGES)]
    subprocess.run([sys.executable, *words], check=True, timeout=60)
    return directory


def test_each_message_has_a_label_and_a_bad_one_fails_alone(place: Place, data: Path) -> None:
    task, messages = f"{EXAMPLE}/tasks.py:classify", f"{data}/messages.csv"
    words = ["--setup", "load", "--batched", "auto", "--with-item", "-o", "classified.csv"]
    done = place.run(task, messages, *words, MODEL=str(data / "model.npz"))
    assert (done.returncode, done.stderr) == (1, "")
    failures = place.failures("classified.csv.errors.jsonl")
    assert [int(one["item"]["id"]) for one in failures] == [1000, 2000]
    assert {one["error"] for one in failures} == {"no text in row 1 of 1"}
    rows = list(csv.DictReader(place.text("classified.csv").splitlines()))
    assert list(rows[0]) == ["id", "subject", "text", "label", "probability"]
    assert [int(row["id"]) for row in rows] == [
        number for number in range(1, MESSAGES + 1) if number % 1000
    ]
    right = sum(row["subject"] == row["label"] for row in rows)
    assert right > 0.95 * len(rows)
    assert all(0 < float(row["probability"]) <= 1 for row in rows)


def test_without_a_model_nothing_is_done(place: Place, data: Path) -> None:
    task, messages = f"{EXAMPLE}/tasks.py:classify", f"{data}/messages.csv"
    words = ["--setup", "load", "--batched", "auto", "-o", "classified.csv"]
    done = place.run(task, messages, *words, MODEL="missing.npz")
    assert done.returncode == 3
    assert "load failed in a worker: FileNotFoundError" in done.stderr
