"""What this process may use of the machine: cores, memory."""

from __future__ import annotations

import errno
import math
import os
import platform
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "EXHAUSTED",
    "MachineUsage",
    "ProcessUsage",
    "coroutines_at_once",
    "describe_machine",
    "family_resident_bytes",
    "free_memory_bytes",
    "machine_usage",
    "process_usage",
    "queued_s",
    "read_kernel_file",
    "resident_bytes",
    "unshared_bytes",
    "usable_cores",
]

_CGROUP_ROOT = Path("/sys/fs/cgroup")

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""The numbers of the errors that say that there are no more descriptors, memory or processes."""

MAX_COROUTINES = 2000
"""How many coroutines run at once at most."""

SPARE_DESCRIPTORS = 100
"""How many file descriptors are left for other things than coroutines."""


def usable_cores(cgroup_root: Path = _CGROUP_ROOT) -> int:
    """Return how many cores this process may use, at least 1.

    The CPU affinity and the CPU quota of the container (cgroup v2 and v1) bound it, whatever the
    host has.
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux; elsewhere psutil is needed, which takes a while to load
        allowed = _affinity()
    quota = _cpu_quota_lately(cgroup_root)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def coroutines_at_once() -> int:
    """Return how many coroutines may run at once, of which each may hold a file descriptor."""
    try:
        from resource import RLIMIT_NOFILE, getrlimit
    except ImportError:  # on Windows
        return MAX_COROUTINES
    return max(1, min(MAX_COROUTINES, getrlimit(RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS))


def _affinity() -> int:
    import psutil

    try:
        return len(psutil.Process().cpu_affinity())
    except AttributeError:  # not on macOS
        return psutil.cpu_count() or 1


def free_memory_bytes(cgroup_root: Path = _CGROUP_ROOT) -> int:
    """Return the memory that can be allocated without swapping, in bytes.

    The limit of the container (cgroup v2) bounds it, too.
    """
    free_bytes = _available_bytes()
    try:
        max_bytes = int(read_kernel_file(cgroup_root / "memory.max"))
        used_bytes = int(read_kernel_file(cgroup_root / "memory.current"))
    except (OSError, ValueError):  # no container, or one without a limit
        return free_bytes
    return max(0, min(free_bytes, max_bytes - used_bytes))


def _available_bytes() -> int:
    try:
        for line in read_kernel_file("/proc/meminfo").splitlines():
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    import psutil

    return int(psutil.virtual_memory().available)


def resident_bytes() -> int:
    """Return the memory that this process holds, in bytes."""
    try:
        return int(read_kernel_file("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        import psutil

        return int(psutil.Process().memory_info().rss)


def unshared_bytes() -> int:
    """Return the memory that this process alone holds, in bytes; all of it where that is unknown.

    What it has mapped of files, or of memory of others, and has not changed does not count.
    """
    try:
        resident, shared = Path("/proc/self/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return resident_bytes()


def family_resident_bytes() -> int:
    """Return the memory of this process and its children, in bytes; shared pages count twice."""
    import psutil

    total = resident_bytes()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += child.memory_info().rss
    return total


class ProcessUsage(NamedTuple):
    """What this process has used since it started, all its threads together."""

    cpu_s: float
    """CPU time, in seconds."""
    waits: float
    """Voluntary context switches: how often a thread gave up its core; infinite where not known."""
    queued_s: float = 0.0
    """How long the calling thread was ready but had no core, in seconds; 0 where not known."""


def process_usage() -> ProcessUsage:
    """Return what this process has used since it started."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # on Windows
        return ProcessUsage(time.process_time(), math.inf)
    usage = getrusage(RUSAGE_SELF)
    return ProcessUsage(
        usage.ru_utime + usage.ru_stime, usage.ru_nvcsw, queued_s(threading.get_native_id())
    )


def queued_s(thread_id: int) -> float:
    """Return how long a thread of this process was ready but had no core; 0 where not known."""
    try:
        return int(read_kernel_file(f"/proc/self/task/{thread_id}/schedstat").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # not on Linux, or its kernel does not count
        return 0.0


class MachineUsage(NamedTuple):
    """How busy all cores of the machine have been since it started."""

    busy_s: float
    """CPU time of all programs, in seconds."""
    stolen_s: float
    """CPU time that other virtual machines on the same hardware took, in seconds."""


def machine_usage() -> MachineUsage | None:
    """Return how busy the machine has been, `None` where that is not known."""
    try:
        words = read_kernel_file("/proc/stat").split(maxsplit=9)
        user, nice, system, _, _, interrupts, soft, stolen = map(int, words[1:9])
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
    return MachineUsage((user + nice + system + interrupts + soft) / ticks, stolen / ticks)


def describe_machine() -> dict[str, Any]:
    """Return what the times of a run depend on: cores, memory (bytes), Python, system."""
    import psutil

    return {
        "usable_cores": usable_cores(),
        "logical_cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


_KNOWN_FOR_S = 1.0
"""A quota that was read so lately, in seconds, is not read again: it takes a while beside a thread
that holds the GIL, and a decision asks for it several times."""

_known_quotas: dict[Path, tuple[float, float | None]] = {}


def _cpu_quota_lately(root: Path) -> float | None:
    now_s = time.monotonic()
    known = _known_quotas.get(root)
    if known is None or not 0 <= now_s - known[0] < _KNOWN_FOR_S:
        known = _known_quotas[root] = (now_s, _cpu_quota(root))
    return known[1]


def _cpu_quota(root: Path) -> float | None:
    """Return the container's CPU quota in cores, `None` where there is none."""
    try:
        quota, period = read_kernel_file(root / "cpu.max").split()
    except (OSError, ValueError):
        try:
            quota = read_kernel_file(root / "cpu" / "cpu.cfs_quota_us").strip()
            if quota == b"-1":
                return None
            period = read_kernel_file(root / "cpu" / "cpu.cfs_period_us")
        except OSError:
            return None
    if quota == b"max":
        return None
    try:
        return int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None


_MOST_BYTES = 1 << 16


def read_kernel_file(path: str | Path) -> bytes:
    """Return what the kernel says in one of its files, which are small.

    With as few calls of the system as can be: after each, a thread that holds the GIL may keep it
    for 5 ms.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
