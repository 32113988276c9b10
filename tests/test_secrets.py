"""Passwords and tokens of URLs are shown nowhere."""

from __future__ import annotations

import json
import pickle
import subprocess
from datetime import UTC, datetime

import pytest
from batchmap.command.command_again import command_with
from batchmap.command.provenance import Provenance
from batchmap.storage import SecretUrl, StoreUrl, secret_of, without_secrets

from tests.conftest import RunMain
from tests.run_command import Place, place

__all__ = ["place"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:S3CR3T@host/db?query=SELECT 1", "postgresql://u@host/db?query=SELECT 1"),
        ("postgresql://u:S3@CR3T@host/db", "postgresql://u@host/db"),
        ("postgresql://u:S3/CR3T@host/db", "postgresql://u@host/db"),
        ("postgresql://u:S3#CR3T@host/db", "postgresql://u@host/db"),
        ("postgresql://u:S3?CR3T@host/db", "postgresql://u@host/db"),
        ("postgresql:/u:S3CR3T@host/db", "postgresql:/u@host/db"),
        ("postgresql://u:S3 CR3T@host/db", "postgresql://u@host/db"),
        ("postgresql://u:S3CR3T", "postgresql://u:***"),
        ("postgresql:///db?user=u&password=S3CR3T&query=Q", "postgresql:///db?user=u&password=***&query=Q"),
        ("postgresql://a:1,b:2/db?query=SELECT '@'", "postgresql://a:1,b:2/db?query=SELECT '@'"),
        ("s3://key:S3CR3T@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("s3://key:S3/CR+3T=@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("s3://bucket/mail@host/a.jsonl", "s3://bucket/mail@host/a.jsonl"),
        ("https://u:S3CR3T@host/a?b=c", "https://host/a"),
        ("https://host/a.csv?sig=S3CR3T", "https://host/a.csv"),
        ("az://container/a.csv?sig=S3CR3T&x=1", "az://container/a.csv?sig=***&x=1"),
        ("tls://u:S3CR3T@host:8786", "tls://host:8786"),
        ("https://S3CR3T@host/a", "https://host/a"),
        ("ftp://[::1]:21/a", "ftp://[::1]:21/a"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
    assert without_secrets(f"cannot read '{url}' now") == f"cannot read '{shown}' now"
    assert without_secrets(f"{url}: leave it out.") == f"{shown}: leave it out."
    assert "CR3T" not in f"{StoreUrl(url)!r} {StoreUrl(url)}"
    spec = SecretUrl(url)
    assert (f"{spec}", json.dumps({"x": spec})) == (shown, json.dumps({"x": shown}))
    assert secret_of(pickle.loads(pickle.dumps(spec))) == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:S3CR3T@127.0.0.1:1/db?query=SELECT 1",
        "postgresql://u:S3@CR3T@127.0.0.1:1/db?query=SELECT 1",
        "postgresql:/u:S3CR3T@127.0.0.1:1/db?query=SELECT 1",
        "https://u:S3CR3T@127.0.0.1:1/x.csv?sig=S3CR3T",
        "s3://key:S3/CR3T@bucket/x.csv",
    ],
)
@pytest.mark.parametrize(
    "command", ["run", "compare", pytest.param("benchmark", marks=pytest.mark.slow)]
)
def test_no_command_shows_them(place: Place, run_main: RunMain, command: str, url: str) -> None:
    words = ["tasks.py:same", url, "-o", "out.jsonl", "--log-level", "debug"]
    if command != "run":
        words = ["--task", "tasks.py:same", "--input", url, "--export-json", "x.json"]
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    done = run_main(command, *words, **environment)
    assert done.returncode in (2, 3), done.stderr
    everything = done.stdout + done.stderr
    for name in place.names():
        everything += (place.directory / name).read_bytes().decode("latin-1")
    assert "CR3T" not in everything
    assert "Traceback" not in everything


def test_the_command_to_resume_with_names_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.orig_argv",
        ["batchmap", "run", "t.py:f", "postgresql://u:S3CR3T@h/d?query=Q", "-o", "s3://k:S3@b/x"],
    )
    assert command_with("--resume") == (
        "batchmap run t.py:f 'postgresql://u@h/d?query=Q' -o s3://b/x --resume",
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and PGPASSWORD",
    )
    monkeypatch.setattr("sys.orig_argv", ["batchmap", "run", "t.py:f", "in.txt"])
    assert command_with("--resume") == ("batchmap run t.py:f in.txt --resume", None)


def test_a_report_names_the_command_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["batchmap", "run", "t.py:f", "s3://k:S3CR3T@b/x", "--resume", "--arg", "token=S3CR3T"]
    monkeypatch.setattr("sys.orig_argv", words)
    assert Provenance.since(datetime.now(UTC)).command_line == (
        "batchmap run t.py:f s3://b/x --resume --arg 'token=***'"
    )


def test_a_command_to_go_on_with_controls_no_terminal_and_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["printf", "%s\\n", "\x1b[1m it's\\ ü\n\t", "\udce9", "a b"]
    monkeypatch.setattr("sys.orig_argv", words)
    command, _ = command_with("--retry-failed")
    assert command.isprintable()
    printed = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    assert printed == b"\x1b[1m it's\\ \xc3\xbc\n\t\n\xe9\na b\n--retry-failed\n"


@pytest.mark.parametrize(
    ("given", "asked", "gives"),
    [
        (["--overwrite"], ["--resume"], ["--resume"]),
        (["--resume"], ["--retry-failed"], ["--retry-failed"]),
        (["--sync"], ["--resume"], ["--sync"]),
        (["--sync"], ["--retry-failed"], ["--sync", "--retry-failed"]),
        (["-k"], ["--retry-failed", "--sync"], ["-k", "--retry-failed", "--sync"]),
        (["--resume", "--", "a"], ["--resume"], ["--resume", "--", "a"]),
    ],
)
def test_a_command_to_go_on_with_has_what_fits_the_output_that_is_there(
    monkeypatch: pytest.MonkeyPatch, given: list[str], asked: list[str], gives: list[str]
) -> None:
    monkeypatch.setattr("sys.orig_argv", ["batchmap", "run", *given])
    assert command_with(*asked) == (" ".join(["batchmap", "run", *gives]), None)
