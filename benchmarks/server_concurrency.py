"""How near to a server's limit `auto` comes, against every fixed number of workers.

    python -m benchmarks.server_concurrency [--quick] [--only CASE ...] [--kind thread|async]
                                            [--rounds 3] [--json FILE]

Three questions for each server: what `auto` gets done, over the most that a sweep of fixed numbers
gets done of which at most 1 % is refused, in turn; how long it takes until a server that bears half
from some moment on is given half; and how evenly two runs at once share it (Jain's index: 1 is
even). Servers and clients are processes of their own; nginx is left out where it is missing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.limited_servers import LimitedServer, has_nginx, nginx_server, own_server

ROOT = Path(__file__).parent.parent

SWEPT = (12, 16, 20, 24, 28, 32, 40)
MOST_REFUSED = 0.01
SETTLED_WITHIN = 0.1
"""A second's answers are settled when they differ from what is borne by this share at most."""

Server = Callable[[], AbstractContextManager[LimitedServer]]

CASES: dict[str, Server] = {
    "queue": partial(own_server, 20, 0.1),
    "limit_conn": partial(nginx_server, "/connections", most=32, rate=120, service_s=0.2),
    "limit_req": partial(nginx_server, "/requests", most=32, rate=120, service_s=0.2),
}


class Client:
    """A process that sends requests for some seconds."""

    def __init__(self, server: LimitedServer, kind: str, workers: object, seconds: float) -> None:
        words = ["benchmarks.server_clients", server.url, kind, str(workers), str(seconds)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    def report(self) -> dict[str, Any]:
        """Return what it has found, once it has ended."""
        answer, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError("a client failed")
        report: dict[str, Any] = json.loads(answer)
        return report


def answered(report: dict[str, Any], from_s: float, to_s: float) -> int:
    """Return how many requests were answered in a time."""
    return sum(from_s <= at_s < to_s for at_s in report["answered_s"])


def refused_share(report: dict[str, Any]) -> float:
    """Return the share of the requests that were refused."""
    refused = len(report["refused_s"])
    return refused / max(1, refused + len(report["answered_s"]))


def against_sweep(make: Server, kind: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Return what `auto` gets done over the best fixed number, and what is refused."""
    done: dict[object, list[int]] = {}
    refused: dict[object, list[float]] = {}
    for _ in range(rounds):
        for workers in (*SWEPT, "auto"):
            with make() as server:
                report = Client(server, kind, workers, seconds).report()
            done.setdefault(workers, []).append(answered(report, 0, seconds))
            refused.setdefault(workers, []).append(refused_share(report))
    medians = {
        workers: statistics.median(done[workers])
        for workers in SWEPT
        if statistics.median(refused[workers]) <= MOST_REFUSED
    }
    best = max(medians, key=medians.__getitem__)
    shares = [own / other for own, other in zip(done["auto"], done[best], strict=True)]
    return {
        "best_workers": best,
        "best_per_s": medians[best] / seconds,
        "share": statistics.median(shares),
        "share_from": min(shares),
        "share_to": max(shares),
        "refused": statistics.median(refused["auto"]),
        "found": report["found"],
    }


def halved(make: Server, kind: str, seconds: float) -> dict[str, Any]:
    """Return how long it takes until what is answered fits a server that bears half."""
    with make() as server:
        client = Client(server, kind, "auto", 3 * seconds)
        began_s = time.perf_counter()
        time.sleep(seconds)
        server.halve()
        at_s = time.perf_counter() - began_s
        report = client.report()
    bears = server.per_s / 2
    settled = next(
        (
            after
            for after in range(int(2 * seconds) - 2)
            if all(_is_near(report, at_s + second, bears) for second in (after, after + 1))
        ),
        None,
    )
    late = [moment for moment in report["refused_s"] if moment > at_s]
    after_s = (3 * seconds) - at_s
    return {
        "settled_within_s": None if settled is None else settled + 1,
        "refused_after": len(late) / max(1, len(late) + answered(report, at_s, 3 * seconds)),
        "share_after": answered(report, at_s, 3 * seconds) / (bears * after_s),
    }


def _is_near(report: dict[str, Any], from_s: float, bears: float) -> bool:
    return abs(answered(report, from_s, from_s + 1) / bears - 1) <= SETTLED_WITHIN


def shared(make: Server, kind: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Return how evenly two runs at once share the server, and what of it they use: medians."""
    found: dict[str, list[float]] = {"jain": [], "used": [], "refused": []}
    for _ in range(rounds):
        with make() as server:
            clients = [Client(server, kind, "auto", 2 * seconds) for _ in range(2)]
            reports = [client.report() for client in clients]
        shares = [answered(report, 1, 2 * seconds) for report in reports]
        found["jain"].append(jain_index(shares))
        found["used"].append(sum(shares) / (server.per_s * (2 * seconds - 1)))
        found["refused"].append(max(map(refused_share, reports)))
    return {
        **{name: statistics.median(values) for name, values in found.items()},
        "jain_from": min(found["jain"]),
        "jain_to": max(found["jain"]),
    }


def jain_index(shares: Sequence[float]) -> float:
    """Return how evenly something is shared, from 1/n to 1 (Jain, Chiu and Hawe 1984)."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def main() -> None:
    """Measure, print a line for each server and question, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round of three seconds each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--kind", default="thread", choices=("thread", "async"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    seconds, rounds = (3.0, 1) if options.quick else (12.0, options.rounds)
    found: dict[str, Any] = {}
    for name in options.only:
        if name != "queue" and not has_nginx():
            print(f"{name:10} left out: nginx is not installed")
            continue
        make = CASES[name]
        one = against_sweep(make, options.kind, seconds, rounds)
        print(
            f"{name:10} auto over the best fixed number, {one['best_workers']} "
            f"({one['best_per_s']:.0f}/s): {one['share']:.3f} "
            f"({one['share_from']:.3f} to {one['share_to']:.3f}), refused {one['refused']:.2%}; "
            f"found {one['found']}",
            flush=True,
        )
        two = halved(make, options.kind, seconds)
        print(
            f"{name:10} half of it gone: settled within {two['settled_within_s']} s, then "
            f"{two['share_after']:.3f} of what is borne, refused {two['refused_after']:.2%}",
            flush=True,
        )
        three = shared(make, options.kind, seconds, rounds)
        print(
            f"{name:10} two runs at once: Jain's index {three['jain']:.3f} "
            f"({three['jain_from']:.3f} to {three['jain_to']:.3f}), together "
            f"{three['used']:.3f} of what is borne, refused {three['refused']:.2%}",
            flush=True,
        )
        found[name] = {"sweep": one, "halved": two, "shared": three}
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
