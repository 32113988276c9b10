"""Runs on a Dask cluster that speaks TLS only, with certificates made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RunMain, rest_slow
from tests.dask_cluster import Cluster, results, write_tasks

distributed = pytest.importorskip("distributed")
trustme = pytest.importorskip("trustme")


def certified(directory: Path) -> list[str]:
    """Return the options that name an authority, a certificate that it signed, and its key."""
    directory.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
    return [
        "--tls-ca-file", str(directory / "ca.pem"), "--tls-cert", str(directory / "cert.pem"),
        "--tls-key", str(directory / "key.pem"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, list[str]]]:
    directory = tmp_path_factory.mktemp("secured")
    options = certified(directory / "certificates")
    cluster = Cluster(directory, protocol="tls", options=options)
    cluster.add_worker()
    cluster.wait_for_workers(1)
    yield cluster, options
    cluster.end()


WORDS = "run tasks.py:square lines.txt -o out.jsonl --no-progress --backend dask".split()


@pytest.mark.parametrize("scheme", rest_slow(1, "", "tls://"))
def test_with_its_certificates_a_secured_cluster_runs_the_items(
    tmp_path: Path, run_main: RunMain, secured: tuple[Cluster, list[str]], scheme: str
) -> None:
    write_tasks(tmp_path)
    cluster, options = secured
    done = run_main(*WORDS, "--address", scheme + cluster.address, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert results(tmp_path / "out.jsonl") == {number: number * number for number in range(400)}


@pytest.mark.slow
def test_dask_s_own_configuration_does_as_well(
    tmp_path: Path, run_main: RunMain, secured: tuple[Cluster, list[str]]
) -> None:
    write_tasks(tmp_path)
    cluster, (_, ca_file, _, cert, _, key) = secured
    at, configuration = (
        f"tls://{cluster.address}",
        {
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": ca_file,
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": cert,
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": key,
        },
    )
    done = run_main(*WORDS, "--address", at, **configuration)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("who", rest_slow(1, "a stranger", "somebody without TLS"))
def test_a_secured_cluster_does_not_answer(
    tmp_path: Path, run_main: RunMain, secured: tuple[Cluster, list[str]], who: str
) -> None:
    write_tasks(tmp_path)
    options = certified(tmp_path / "strange") if who == "a stranger" else []
    done = run_main(*WORDS, "--address", secured[0].address, *options)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert f"the Dask scheduler at {secured[0].address} does not answer" in done.stderr


@pytest.mark.slow
def test_a_run_is_resumed_on_another_cluster_with_other_certificates(
    tmp_path: Path, run_main: RunMain, secured: tuple[Cluster, list[str]]
) -> None:
    write_tasks(tmp_path)
    done = run_main(*WORDS, "-j", "1", "--limit", "100")
    assert done.returncode == 0, done.stderr
    cluster, options = secured
    done = run_main(*WORDS, "--resume", "--address", cluster.address, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 items before" in done.stdout
    assert results(tmp_path / "out.jsonl") == {number: number * number for number in range(400)}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--address", "h:1", "--tls-cert", "lines.txt"],
            ["--tls-cert lines.txt: needs --tls-ca-file and --tls-key, too"],
        ),
        (
            ["--tls-ca-file", "lines.txt", "--tls-cert", "gone", "--tls-key", "lines.txt"],
            [
                "--tls-ca-file lines.txt: is for the way to a scheduler; add --address HOST:PORT",
                "--tls-cert gone: there is no such file; check the path",
            ],
        ),
        (
            "--address tcp://h:1 --tls-ca-file lines.txt --tls-cert lines.txt --tls-key lines.txt"
            "".split(),
            ["--address tcp://h:1: --tls-ca-file needs tls://; leave the scheme out"],
        ),
    ],
)
def test_wrong_options_are_named_all_together(
    tmp_path: Path, run_main: RunMain, words: list[str], expected: list[str]
) -> None:
    write_tasks(tmp_path)
    done = run_main(*WORDS, *words)
    assert (done.returncode, done.stderr.splitlines()) == (2, expected)


def test_files_that_are_no_certificates_are_an_error_of_one_line(
    tmp_path: Path, run_main: RunMain, secured: tuple[Cluster, list[str]]
) -> None:
    write_tasks(tmp_path)
    cluster, options = secured
    done = run_main(*WORDS, "--address", cluster.address, *options[:-1], "lines.txt")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "are no certificates with their key" in done.stderr


def test_a_local_cluster_admits_nobody_without_its_certificates() -> None:
    from batchmap.executors.dask.executor import DaskExecutor

    executor = DaskExecutor(1)
    try:
        address = executor._client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(OSError, match=r".*"):
            distributed.Client(address.replace("tls", "tcp"), timeout=1, set_as_default=False)
        other = distributed.Security.temporary()
        with pytest.raises(OSError, match=r".*"):
            distributed.Client(address, security=other, timeout=1, set_as_default=False)
        assert executor.submit(abs, -1).result() == 1
    finally:
        executor.shutdown()
