"""A graph of one's own: the workbook's nodes, with one between them that looks at the results.

    python -m examples.own_graph README.md

Counts the words of each line in parallel, finds the wordiest lines, and reports as usual. Copy it,
put your own function in the place of `count_words` and your own node in that of `WordiestNode`.
"""

from __future__ import annotations

import sys
from typing import Any

from kaygraph import Graph, Node

from nodes import LoadDataNode, ParallelProcessNode, ReportNode, SplitBatchNode
from workbook.utils.cli.settings import Settings

MOST_NAMED = 3


def count_words(line: str) -> int:
    return len(line.split())


class WordiestNode(Node):
    """Find the items with the largest results. Writes `wordiest`: their places and word counts."""

    def prep(self, shared: dict[str, Any]) -> list[tuple[str, int]]:
        place = shared["items"].place
        return [(place(entry.index), entry.result) for entry in shared["parallel_results"]]

    def exec(self, counted: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return sorted(counted, key=lambda told: -told[1])[:MOST_NAMED]

    def post(self, shared: dict[str, Any], counted: Any, wordiest: list[tuple[str, int]]) -> None:
        shared["wordiest"] = wordiest


def word_graph(path: str) -> Graph:
    """Return the graph; `run({})` fills the shared store and prints the report."""
    settings = Settings.of(input=path, backend="auto", quiet=True)
    load = LoadDataNode(settings)
    process = ParallelProcessNode(settings, function=count_words)
    report = ReportNode(settings, command="parallel")
    load >> SplitBatchNode(settings) >> process >> WordiestNode() >> report
    process - "interrupted" >> report
    return Graph(load)


if __name__ == "__main__":
    shared: dict[str, Any] = {}
    word_graph(sys.argv[1]).run(shared)
    for place, words in shared["wordiest"]:
        print(f"{place}: {words} words")
