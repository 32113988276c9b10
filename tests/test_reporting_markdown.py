"""The Markdown report, read back by a Markdown parser, with data of every kind."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from batchmap_workbook.utils.analysis.records import Case
from batchmap_workbook.utils.reporting import render_markdown
from batchmap_workbook.utils.reporting.escaping import markdown_text
from tests.fakes import run_summary
from tests.fakes_report import (
    PROVENANCE,
    benchmark_cases,
    case,
    comparison,
    contents,
    differing,
    hostile_case,
    recommendation,
    regressions,
    time_breakdown,
)
from tests.fakes_trace import no_trace

HOSTILE = (
    "<script>alert(1)</script> [l](javascript:alert) ![i](http://x.example/i.png) <http://x.example>"
    " `code` **bold** _it_ ~~no~~ | cell \\| \\ # $m$ @someone &lt; www.x.example {a}"
)


def rendered(*cases: Case, **more: Any) -> str:
    return render_markdown(contents(*cases, **more))


def tokens(text: str) -> list[Token]:
    """Return all tokens of Markdown with tables, those within lines too."""
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [found for token in parsed for found in (token, *(token.children or []))]


def headings(text: str) -> list[str]:
    found = tokens(text)
    return [
        after.content
        for token, after in pairwise(found)
        if token.type == "heading_open" and token.tag == "h3"
    ]


def shown(text: str) -> str:
    """Return what a reader sees of Markdown."""
    kinds = ("text", "text_special", "code_inline")
    return "".join(token.content for token in tokens(text) if token.type in kinds)


def table_under(heading: str, text: str) -> list[str]:
    """Return the lines of the first table under a heading."""
    lines = text[text.index(f"### {heading}\n") :].split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    end = next(number for number in range(start, len(lines)) if not lines[number])
    return lines[start:end]


def test_a_comparison_has_every_section() -> None:
    assert headings(rendered(case())) == [
        "Errors",
        "Where the workers went",
        "Timeline",
        "Speedup by workers",
        "Item times",
        "Plan",
        "Settings",
        "Machine",
    ]


def test_it_begins_with_the_verdict_what_made_it_and_the_headline() -> None:
    assert rendered(case()).split("\n## ")[0] == (
        "# Parallel Batch Processing Performance Report\n\n"
        "**7.59x faster on 8 threads, 97.1% of what was possible; results match**\n\n"
        "- Largest loss: tail (long last batches), 0.38 of 8 workers lost: Use smaller "
        "batches: --batch-size 1.\n"
        "- First failure: items.jsonl line 12: TimeoutError: no answer in 5 s\n\n"
        "2026-01-02 03:04 UTC, ada, batchmap 1.0.0, Python 3.12.4\n\n"
        "```\npython main.py compare 100 8\n```\n\n"
        "| Figure | Value |  |\n"
        "|:--|--:|:--|\n"
        "| Speedup | 7.59x |  |\n"
        "| One after another | 50.10s |  |\n"
        "| 8 threads | 6.60s |  |\n"
        "| Best possible | 6.41s |  |\n"
        "| Of what was possible | 97.1% | the limit is 7.82x; efficiency 94.9% |\n"
        "| Throughput | 15.2 items/sec | sequential: 2.0 items/sec |\n"
        "| Results match | ✓ yes | the same for every item; 5 items failed, sequential: 5; "
        "4 retries |\n"
    )


def test_where_the_workers_went_adds_up_to_them() -> None:
    assert table_under("Where the workers went", rendered(case())) == [
        "| Part | Workers | Share | Worker-seconds |",
        "|:--|--:|--:|--:|",
        "| work | 7.10 | 88.8% | 46.86s |",
        "| slower items | 0.31 | 3.9% | 2.05s |",
        "| start | 0.09 | 1.1% | 0.59s |",
        "| hand-over | 0.12 | 1.5% | 0.79s |",
        "| tail | 0.38 | 4.8% | 2.51s |",
    ]


def test_items_that_were_faster_count_below_zero() -> None:
    text = rendered(case(comparison=comparison(accounting=time_breakdown(slower_items=-0.3))))
    assert "| slower items | \\-0.30 | \\-3.8% | \\-1.98s |" in text
    assert "“Slower items” is below 0" in text


def test_the_plan_stands_beside_the_outcome() -> None:
    text = rendered(case())
    assert "| Time | 6.50s | 6.60s |" in table_under("Plan", text)
    assert "- Workers: 8, as asked for\n" in text


def test_failures_and_differences_are_tables() -> None:
    compared = comparison(results_match=False, verdict=differing("a\nb", "c"))
    text = rendered(case(comparison=compared))
    assert "| items.jsonl line 12 | TimeoutError | no answer in 5 s |" in text
    assert "| items.jsonl line 1 | a b | b a |" in text
    assert "differ in 2 items, so the speedup counts for nothing." in text
    assert "Why: The results hold sets" in text


def test_a_benchmark_begins_with_one_table_of_all_cases() -> None:
    text = rendered(
        *benchmark_cases(), recommendations=[recommendation()], regressions=regressions()
    )
    assert headings(text)[:3] == ["All cases", "Recommendations", "Against an earlier run"]
    assert table_under("All cases", text)[2:4] == [
        "| I/O, 100 items | 100 | 8 | 50.10s | 6.60s | 7.59x | 94.9% | 97.1% | ✓ | tail |",
        "| Numbers, 4 processes | 100 | 4 | 50.10s | 6.60s | 3.20x | 80.0% | 93.8% | ✓ | tail |",
    ]
    assert "| io | waiting | thread | 32 | 1 | it waits, and threads cost least |" in text
    assert "| ✗ slower |" in text


def test_warnings_and_advice_stand_out() -> None:
    text = rendered(benchmark_cases()[1])
    assert "\n- Warnings: The rounds lie" in text
    assert "> [!TIP]\n> **Largest loss: tail (long last batches)**\n" in text


def test_data_makes_no_markup() -> None:
    dull, hostile = (
        render_markdown(
            contents(
                hostile_case(text),
                hostile_case(text),
                verdict=text,
                provenance=replace(PROVENANCE, host=text, version=text),
                settings={text: text},
                machine={text: text, "python": text},
                recommendations=[recommendation(text)],
                regressions=regressions(text),
                notes=[text],
            )
        )
        for text in ("dull", HOSTILE)
    )
    structure = [token.type for token in tokens(dull) if not token.type.startswith("text")]
    assert [token.type for token in tokens(hostile) if not token.type.startswith("text")] == (
        structure
    )
    assert hostile.count("://") == 0
    assert "www." not in hostile
    assert "<" not in hostile


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "1. one",
        "2) two",
        "- item",
        "+ item",
        "* item",
        "--- ",
        "===",
        "# title",
        "> quote",
        "```",
        "~~~",
        "    indented",
        "![a](b)",
        "[a]: http://x.example",
        "| a | b |",
        "trailing \\",
        "&amp;",
        "3.5",
        "12.",
    ],
)
def test_text_is_shown_as_it_is(text: str) -> None:
    for kind, context in (("paragraph_open", "{}"), ("list_item_open", "- {}")):
        made = tokens(context.format(markdown_text(text)))
        assert [token.type for token in made if token.type in ("paragraph_open", kind)] == (
            ["paragraph_open"] if kind == "paragraph_open" else [kind, "paragraph_open"]
        )
        assert not [t for t in made if t.nesting == 1 and t.tag not in ("p", "ul", "li")]
    assert shown(markdown_text(text)) == text.strip()
    row = f"| a | b |\n|:--|:--|\n| {markdown_text(text)} | end |\n"
    assert shown(row) == f"ab{text.strip()}end"


def test_every_optional_part_can_be_left_out() -> None:
    nothing = run_summary(total_processed=0, successful=0, batches=0)
    bare = case(
        comparison=None,
        accounting=time_breakdown(slower_items=None),
        parallel=nothing,
        parallel_trace=no_trace(),
        diagnosis=None,
        failures=(),
    )
    text = rendered(bare, machine={}, settings={}, changed=())
    assert "There were no items, so there was nothing to do" in text
    assert headings(text) == ["Plan"]
    early = rendered(verdict="Interrupted", machine={}, settings={}, changed=())
    assert early.startswith("# Parallel Batch Processing Performance Report\n\n**Interrupted**\n")
    assert headings(early) == []


def test_settings_and_machine_have_their_units() -> None:
    text = rendered(
        settings={"timeout_s": 2.5, "batch_size": None, "quiet": True},
        changed={"timeout_s", "quiet"},
        machine={"memory_bytes": 3 * 2**30},
    )
    assert table_under("Settings", text)[2:] == ["| Timeout (s) | 2.5 |", "| Quiet | yes |"]
    assert "**By default**\n\n| Name | Value |\n|:--|:--|\n| Batch size | not set |" in text
    assert table_under("Machine", text)[2:] == ["| Memory | 3.0 GiB |"]


@pytest.mark.parametrize("command", ["```", "a `b` ````", "<b>|x|</b> \x1b[2J"])
def test_the_command_stands_in_a_block_that_it_cannot_end(command: str) -> None:
    text = rendered(case(), provenance=replace(PROVENANCE, command_line=command))
    [code] = [token.content for token in tokens(text) if token.type == "fence"]
    assert code == command.replace("\x1b", "\\x1b") + "\n"
