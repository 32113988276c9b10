"""Nodes of one's own in a graph: how a node gets through many items, and which of two ways to take.

    python -m examples.own_graph README.md

**The items of the batch are the items.** `CountWordsNode` is a `ParallelBatchNode`: `prep` returns
the lines, `exec` gets one of them, and KayGraph runs it on a pool of threads. That is the way for
hundreds or thousands of items that wait (requests, queries, files) and fit in memory. Each item has
the node's retries and fallback; an error that both leave stops the node.

**The node hands a whole run to the library.** `HashLinesNode` is a plain `Node` whose `exec` calls
`parallel_map` once. That is the way for work that computes, which threads do no faster; for a
function that may crash or hang; for many short items, which want batches; and where nobody knows
which of these it is, since the function is measured first. A failed item costs itself alone. For
files of any size, with a journal to resume from, `exec` opens a `Job` in the same place: that is
what the workbook's own `ParallelProcessNode` does.

`word_graph` is the third way: the workbook's nodes, with one of one's own between them that looks
at the results. Copy it, put your function in the place of `count_words` and your node in that of
`WordiestNode`.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from batchmap import ItemRecord, parallel_map
from kaygraph import Graph, Node, ParallelBatchNode

from batchmap_workbook.nodes import LoadDataNode, ParallelProcessNode, ReportNode, SplitBatchNode
from batchmap_workbook.utils.cli.settings import Settings

MAX_NAMED = 3

ROUNDS = 1000
"""How often a line is hashed, so that it takes a while."""


def count_words(line: str) -> int:
    return len(line.split())


def slow_hash(line: str) -> str:
    digest = line.encode()
    for _ in range(ROUNDS):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


class ReadLinesNode(Node):
    """Read the lines of a file. Writes `lines`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def exec(self, prep_res: Any) -> list[str]:
        return Path(self._path).read_text(encoding="utf-8").splitlines()

    def post(self, shared: dict[str, Any], prep_res: Any, lines: list[str]) -> None:
        shared["lines"] = lines


class CountWordsNode(ParallelBatchNode):
    """Count the words of each line; `exec` gets one line. Writes `counts`."""

    def __init__(self) -> None:
        super().__init__(max_workers=8, max_retries=2)

    def prep(self, shared: dict[str, Any]) -> list[str]:
        lines: list[str] = shared["lines"]
        return lines

    def exec(self, line: str) -> int:
        return count_words(line)

    def exec_fallback(self, line: str, error: Exception) -> int:
        return 0

    def post(self, shared: dict[str, Any], lines: list[str], counts: list[int]) -> None:
        shared["counts"] = counts


class HashLinesNode(Node):
    """Hash each line; `exec` gets all lines and hands them to the library. Writes `hashes`."""

    def prep(self, shared: dict[str, Any]) -> list[str]:
        lines: list[str] = shared["lines"]
        return lines

    def exec(self, lines: list[str]) -> list[str | ItemRecord]:
        return parallel_map(slow_hash, lines, on_error="record")

    def post(self, shared: dict[str, Any], lines: list[str], hashes: list[Any]) -> None:
        shared["hashes"] = hashes


def line_graph(path: str) -> Graph:
    """Return a graph that fills `counts` and `hashes`, each in one of the two ways."""
    read = ReadLinesNode(path)
    read >> CountWordsNode() >> HashLinesNode()
    return Graph(read)


class WordiestNode(Node):
    """Find the items with the largest results. Writes `wordiest`: where they stand, and counts."""

    def prep(self, shared: dict[str, Any]) -> list[tuple[str, int]]:
        place = shared["items"].place
        return [(place(entry.index), entry.result) for entry in shared["parallel_results"]]

    def exec(self, counted: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return sorted(counted, key=lambda entry: -entry[1])[:MAX_NAMED]

    def post(self, shared: dict[str, Any], counted: Any, wordiest: list[tuple[str, int]]) -> None:
        shared["wordiest"] = wordiest


def word_graph(path: str) -> Graph:
    """Return the graph; `run({})` fills the shared store and prints the report."""
    settings = Settings.of(input=path, backend="auto", progress=False)
    load = LoadDataNode(settings)
    process = ParallelProcessNode(settings, function=count_words)
    report = ReportNode(settings, command="parallel")
    load >> SplitBatchNode(settings) >> process >> WordiestNode() >> report
    process - "interrupted" >> report
    return Graph(load)


if __name__ == "__main__":
    path = sys.argv[1]
    shared: dict[str, Any] = {}
    line_graph(path).run(shared)
    print(f"{sum(shared['counts'])} words, {len(set(shared['hashes']))} different lines\n")
    word_graph(path).run(shared)
    for place, words in shared["wordiest"]:
        print(f"{place}: {words} words")
