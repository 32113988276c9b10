"""Crawls sites level by level, each level being one `main.py run` over what the last one found.

All that the next level depends on is in the files of the levels before, so a crawl that was
stopped, however that came, goes on when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

import httpx
from tasks import AGENT, TIMEOUT_S

FOLDER = Path(__file__).parent
MAIN = FOLDER.parent.parent / "main.py"
ALL_DONE, SOME_FAILED = 0, 1  # exit codes of `run`
MOST_OF_A_PATH = 10
"""So many pages that differ in their query alone are fetched: a calendar has no end."""
AT_ONCE = 5
"""How many requests a host gets at once: one that answers slowly is not asked more and more."""

Site = tuple[str, str]
"""Scheme and host, as an address begins."""


def main() -> int:
    """Crawl as the command line says and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("starts", metavar="URL", nargs="+", help="where to begin; other sites are left alone")
    add("-o", "--output", type=Path, default=Path("crawl"), help="a directory (default: crawl)")
    add("--pages", type=int, default=500, help="fetch no more pages than this (default: 500)")
    add("--depth", type=int, default=8, help="follow so many links in a row (default: 8)")
    options = parser.parse_intermixed_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rules: dict[Site, RobotFileParser] = {}
    for start in options.starts:
        try:
            rules[site_of(start)] = read_rules(start, options.output)
        except httpx.HTTPError as error:
            parser.error(f"{start}: no robots.txt to be had: {error}")
    rate = min(map(starts_a_second, rules.values()))
    frontier = Frontier(rules, options.pages)
    found: list[str] = options.starts
    pages: list[dict[str, Any]] = []
    for depth in range(options.depth + 1):
        addresses = frontier.admit(found)
        if not addresses:
            break
        level = options.output / f"level-{depth}.txt"
        code = run_level(level, addresses, rate)
        if code not in (ALL_DONE, SOME_FAILED):
            print("stopped; the same command again goes on", file=sys.stderr)
            return code
        lines = read_lines(level.with_suffix(".jsonl"))
        print(f"level {depth}: {len(lines)} of {len(addresses)} addresses answered", flush=True)
        found = [link for line in lines for link in line["result"]["links"]]
        pages += [line for line in lines if line["result"]["title"] is not None]
    else:
        frontier.leave_out(found, "too deep")
    write_summary(options.output, pages, frontier.left_out)
    return 0


class Frontier:
    """Decides which of the links that were found are fetched: each once, and not too many."""

    def __init__(self, rules: Mapping[Site, RobotFileParser], most: int) -> None:
        self.left_out: dict[str, str] = {}
        self._rules = rules
        self._most = most
        self._seen: set[str] = set()
        self._of_a_path: Counter[str] = Counter()

    def admit(self, links: Iterable[str]) -> list[str]:
        """Return the addresses to fetch next, and remember why the others are not."""
        return [address for address in map(plain, links) if self._is_wanted(address)]

    def leave_out(self, links: Iterable[str], reason: str) -> None:
        """Remember that links are not fetched."""
        for address in map(plain, links):
            if address not in self._seen:
                self.left_out.setdefault(address, reason)

    def _is_wanted(self, address: str) -> bool:
        parts = urlsplit(address)
        if address in self._seen or address in self.left_out:
            return False
        rules = self._rules.get(site_of(address))
        if rules is None:
            reason = "another site"
        elif not rules.can_fetch(AGENT, address):
            reason = "robots.txt"
        elif parts.query and self._of_a_path[parts.path] >= MOST_OF_A_PATH:
            reason = "too many of this path"
        elif len(self._seen) >= self._most:
            reason = "too many pages"
        else:
            self._seen.add(address)
            self._of_a_path[parts.path] += bool(parts.query)
            return True
        self.left_out[address] = reason
        return False


def site_of(address: str) -> Site:
    """Return the site that an address is on."""
    scheme, host, *_ = urlsplit(address)
    return scheme, host


def plain(link: str) -> str:
    """Return the address of a link as it is written once: no fragment, no marks of campaigns."""
    scheme, host, path, query, _ = urlsplit(link)
    words = [pair for pair in parse_qsl(query, True) if not pair[0].startswith("utm_")]
    return urlunsplit((scheme, host.lower(), path or "/", urlencode(sorted(words)), ""))


def read_rules(start: str, directory: Path) -> RobotFileParser:
    """Return the rules of a site; they are fetched once, lest they change within a crawl."""
    copy = directory / f"robots-{site_of(start)[1]}.txt"
    if not copy.exists():
        response = httpx.get(
            urljoin(start, "/robots.txt"),
            headers={"User-Agent": AGENT},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
        is_missing = response.status_code in (404, 410)
        write_export(copy, "" if is_missing else response.raise_for_status().text)
    rules = RobotFileParser()
    rules.parse(copy.read_text().splitlines())
    return rules


def starts_a_second(rules: RobotFileParser) -> float:
    """Return how many requests a second the site asks for, two where it does not say."""
    if rate := rules.request_rate(AGENT):
        return rate.requests / rate.seconds
    return 1 / float(rules.crawl_delay(AGENT) or 0.5)


def run_level(level: Path, addresses: list[str], rate: float) -> int:
    """Fetch the addresses, or those that are left of them, and return the exit code of `run`."""
    write_export(level, "".join(f"{address}\n" for address in addresses))
    words = [sys.executable, str(MAIN), "run", f"{FOLDER / 'tasks.py'}:fetch_page", str(level)]
    words += ["-o", str(level.with_suffix(".jsonl")), "--keep-order", "--resume"]
    words += ["--rate", str(rate), "--limit-per", f"host_of={AT_ONCE}", "--retry-for", "1m"]
    run = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    # Ctrl-C reaches the run by itself, and the crawl ends when the run has; a `kill` is passed on.
    at_interrupt = signal.signal(signal.SIGINT, lambda *_: None)
    at_termination = signal.signal(signal.SIGTERM, lambda *_: run.terminate())
    try:
        return run.wait()
    finally:
        signal.signal(signal.SIGINT, at_interrupt)
        signal.signal(signal.SIGTERM, at_termination)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the values of a file of JSON Lines."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_summary(directory: Path, pages: list[dict[str, Any]], left_out: dict[str, str]) -> None:
    """Write each page once, with the other addresses that show the same, and what was left out."""
    by_digest: dict[str, dict[str, Any]] = {}
    for line in pages:
        page = {"address": line["item"], **line["result"], "also": []}
        first = by_digest.setdefault(page["digest"], page)
        if first is not page:
            first["also"].append(page["address"])
    write_export(
        directory / "pages.jsonl", "".join(f"{json.dumps(page)}\n" for page in by_digest.values())
    )
    write_export(
        directory / "left-out.tsv",
        "".join(f"{reason}\t{address}\n" for address, reason in left_out.items()),
    )
    print(f"{len(by_digest)} pages in {directory / 'pages.jsonl'}")
    for reason, number in Counter(left_out.values()).most_common():
        print(f"left out: {number} ({reason})")


def write_export(path: Path, text: str) -> None:
    """Write a file that is there as a whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
