"""Which system calls a run makes, as strace counts them: for each thread from its start on."""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.durability.run_checks import Violation, check_talk, run

__all__ = ["FAILING", "KINDS", "Calls", "count_calls", "injecting", "was_met"]

KINDS = {
    "openat": ("openat",),
    "read": ("read",),
    "write": ("write",),
    "pwrite64": ("pwrite64",),
    "pread64": ("pread64",),
    "fsync": ("fsync",),
    "fdatasync": ("fdatasync",),
    "ftruncate": ("ftruncate",),
    "rename": ("rename",),
    "unlink": ("unlink", "rmdir"),
    "close": ("close",),
    "lseek": ("lseek",),
    "fcntl": ("fcntl",),
    "mkdir": ("mkdir",),
    "stat": ("fstat", "newfstatat", "stat"),
    "fork": ("clone", "clone3", "fork", "vfork"),
    "wait": ("wait4", "waitid"),
    "poll": ("poll", "ppoll", "select", "pselect6", "epoll_wait"),
    "socket": ("socketpair", "sendto", "recvfrom", "sendmsg", "recvmsg"),
    "mmap": ("mmap",),
    "futex": ("futex",),
    "exit": ("exit_group",),
}
"""The calls before which a process is killed, by kind."""

FAILING = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename")
"""The kinds of calls that fail, where they concern a file of the output."""

_STRACE = ("strace", "-f", "-qq")
"""Not with --seccomp-bpf, by which strace 6.1 takes no account of `when`."""

_BESIDE = ("", ".journal", ".journal-wal", ".errors.jsonl", ".parts")
_DRAFTED = ("", ".errors.jsonl")


@dataclass
class Calls:
    """The calls of one undisturbed run."""

    threads: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By call: how often each thread made it."""
    of_output: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By call: the numbers, within their threads, of those that concern a file of the output."""


def count_calls(words: Sequence[str], directory: Path, *, output: str) -> Calls:
    """Run a command undisturbed and return its calls; `output` is what its files are called."""
    names = sorted({name for kind in KINDS.values() for name in kind})
    calls = Calls()
    with tempfile.TemporaryDirectory() as aside:
        log = [*_STRACE, "-ff", "-y", "-s", "0", "-o", f"{aside}/log", "-e"]
        ended = run(words, directory, before=[*log, f"trace={','.join(names)}"])
        check_talk(ended)
        if ended.code != 1:
            raise Violation(f"exit code {ended.code} of a run that is only watched: {ended.errors}")
        for path in Path(aside).iterdir():
            _add(calls, path.read_text(errors="replace").splitlines(), output)
    return calls


def _add(calls: Calls, lines: Sequence[str], output: str) -> None:
    """Add the calls of one thread."""
    so_far: dict[str, int] = defaultdict(int)
    for line in lines:
        if found := re.match(r"(\w+)\(", line):
            name = found[1]
            so_far[name] += 1
            if f"/{output}" in line or f".draft-{output}" in line or f"{output}.parts" in line:
                calls.of_output[name].append(so_far[name])
    for name, number in so_far.items():
        calls.threads[name].append(number)


def injecting(call: str, fault: str, log: Path, output: Path | None) -> list[str]:
    """Return the words before a command by which one of its calls meets a fault.

    With `output`, only calls that concern its files are counted and meet it. The command is the
    direct child, not strace, so that its exit code is seen at once.
    """
    paths = [] if output is None else _files_of(output)
    chosen = [word for path in paths for word in ("-P", str(path))]
    trace = [*_STRACE, "-D", "-o", str(log), *chosen, "-e", f"trace={call}"]
    return [*trace, "-e", f"inject={call}:{fault}"]


def was_met(log: Path) -> bool:
    """Tell whether a call has met the fault."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "(INJECTED)" in text or "killed by SIGKILL" in text


def _files_of(output: Path) -> list[Path]:
    """Return the files of an output, and the directories that hold them."""
    output = output.parent.resolve() / output.name
    parts = output.with_name(f"{output.name}.parts")
    numbered = [f"part-{number:06}.parquet" for number in range(1, 6)]
    return [
        output.parent,
        *(output.with_name(output.name + suffix) for suffix in _BESIDE),
        *(output.with_name(f".draft-{output.name}{suffix}") for suffix in _DRAFTED),
        *(parts / f"{prefix}{name}" for prefix in ("", ".draft-") for name in numbered),
        parts / f".draft-{output.name}",
    ]
