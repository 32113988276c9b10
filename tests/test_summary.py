"""The texts that `batchmap run` ends with, character by character."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from batchmap.command.held_back import held_back
from batchmap.command.summary import render_details, render_faults, render_plan, render_summary
from batchmap.concurrency import Concurrency
from batchmap.metrics import RunSummary
from batchmap.run_outcome import ErrorExample, RunOutcome, SyncCounts

from tests.fakes import plan, run_summary

OUTCOME = RunOutcome(
    written=1_197,
    failed=3,
    written_before=0,
    failed_before=0,
    errors=(ErrorExample("ValueError", 2, "items.jsonl line 12", "no number: 'x'"),),
    output="out.jsonl",
    errors_file="out.jsonl.errors",
    finished=True,
    halted=False,
)
CLEAN = replace(OUTCOME, written=1_200, failed=0, errors=(), errors_file=None)
METRICS = run_summary(total_processed=1_200, total_duration=6.6, throughput=181.8181, workers=8)
NOTHING = run_summary(total_processed=0, total_duration=0.01, throughput=0.0, workers=0)
PLAN = plan(workers=8)


def summary(outcome: RunOutcome, metrics: RunSummary = METRICS, **more: Any) -> str:
    return render_summary(outcome, metrics, more.pop("plan", PLAN), **{"held_back": None, **more})


def test_a_run_that_did_all_is_summed_up_in_three_lines() -> None:
    assert summary(CLEAN) == (
        "Run complete\n"
        "- Items: 1,200 done in 6.60s, 0 failed; 181.8 items/sec on 8 threads\n"
        "- Results: 1,200 in out.jsonl\n"
    )


def test_a_resumed_run_counts_what_was_there_before() -> None:
    outcome = replace(OUTCOME, written_before=20, failed_before=1)
    assert summary(outcome, held_back="the items", metrics=replace(METRICS, retries=1)) == (
        "Run complete, 4 items failed\n"
        "- Items: 1,200 done in 6.60s, 3 failed, 1 retry; 181.8 items/sec on 8 threads\n"
        "- Error: 2 times, first at items.jsonl line 12: ValueError: no number: 'x'\n"
        "- Error: 1 of other kinds\n"
        "- Held back by: the items\n"
        "- Results: 1,197 in out.jsonl, and those of 20 items before\n"
        "- Failed items: 4 in out.jsonl.errors, 1 of them before\n"
    )


def test_failed_items_that_are_not_kept_are_counted_and_the_option_is_named() -> None:
    outcome = replace(OUTCOME, errors=(), errors_file=None)
    assert summary(outcome, plan=plan(backend="process", workers=1)) == (
        "Run complete, 3 items failed\n"
        "- Items: 1,200 done in 6.60s, 3 failed; 181.8 items/sec on 8 processes\n"
        "- Results: 1,197 in out.jsonl\n"
        "- Failed items: 3, not kept; --errors FILE keeps them\n"
    )


KINDS = tuple(ErrorExample(f"E{n}", 9 - n, f"line {n}", "no") for n in range(8))


def test_the_longest_summary_leaves_the_eighth_line_to_the_command_to_go_on_with() -> None:
    outcome = replace(
        OUTCOME, failed=44, errors=KINDS, finished=False, sync=SyncCounts(1, 0, 2, 3, 4)
    )
    alone = run_summary(total_processed=1, total_duration=2.0, throughput=0.5)
    assert summary(outcome, alone, held_back="the items") == (
        "Run interrupted after 1,241 items\n"
        "- Items: 1 done in 2.00s, 44 failed; 0.5 items/sec on 1 thread\n"
        "- Error: 9 times, first at line 0: E0: no\n"
        "- Held back by: the items\n"
        "- Sync: 1 kept, 2 new, 3 changed, 4 gone\n"
        "- Results: 1,197 in out.jsonl\n"
        "- Failed items: 44 in out.jsonl.errors\n"
    )


def test_kinds_of_errors_fill_the_room_and_the_rest_is_counted() -> None:
    outcome = replace(OUTCOME, failed=44, errors=KINDS)
    errors = [line for line in summary(outcome).splitlines() if line.startswith("- Error: ")]
    assert errors == [
        "- Error: 9 times, first at line 0: E0: no",
        "- Error: 8 times, first at line 1: E1: no",
        "- Error: 27 of other kinds",
    ]


@pytest.mark.parametrize("kinds", range(9))
@pytest.mark.parametrize("held_back", [None, "the items"])
@pytest.mark.parametrize("sync", [None, SyncCounts(1, 0, 2, 3, 4)])
@pytest.mark.parametrize("finished", [True, False])
def test_no_summary_is_longer_than_eight_lines(
    kinds: int, held_back: str | None, sync: SyncCounts | None, finished: bool
) -> None:
    outcome = replace(
        OUTCOME, failed=44 if kinds else 0, errors=KINDS[:kinds], sync=sync, finished=finished
    )
    lines = summary(outcome, held_back=held_back).splitlines()
    goes_on = not finished or kinds > 0
    assert len(lines) + goes_on <= 8
    assert all(line.startswith("- ") for line in lines[1:])
    assert any("Error" in line for line in lines) == (kinds > 0)


def test_a_run_that_was_stopped_for_its_failures_says_so() -> None:
    outcome = replace(CLEAN, failed=3, finished=False, halted=True)
    assert summary(outcome).startswith("Run stopped after 1,203 items: too many failed\n")
    vain = replace(outcome, in_vain=True, errors_file="out.jsonl.errors")
    ended = "Run stopped after 1,203 items: no result could be written"
    assert summary(vain).startswith(f"{ended}; the errors file keeps them\n")
    assert summary(replace(vain, errors_file=None)).startswith(f"{ended}\n")


def test_a_run_that_was_resumed_at_its_end_had_nothing_left_to_do() -> None:
    outcome = replace(CLEAN, written=0, written_before=1_200)
    assert summary(outcome, NOTHING) == (
        "Run complete: there was nothing left to do\n"
        "- Items: 0 done, 0 failed\n"
        "- Results: 0 in out.jsonl, and those of 1,200 items before\n"
    )
    failed = replace(outcome, failed_before=1, errors_file="out.jsonl.errors")
    assert summary(failed, NOTHING).startswith("Run complete, 1 item failed: there was nothing")


def test_an_empty_input_is_no_reason_for_a_conclusion() -> None:
    assert summary(replace(CLEAN, written=0), NOTHING) == (
        "Run complete\n- Items: 0 done, 0 failed\n- Results: 0 in out.jsonl\n"
    )


def test_quiet_has_nothing_to_say_of_a_run_without_a_fault() -> None:
    assert render_faults(CLEAN) == ""
    assert render_faults(OUTCOME) == (
        "Run complete, 3 items failed\n"
        "Error: 2 times, first at items.jsonl line 12: ValueError: no number: 'x'\n"
        "Error: 1 of other kinds\n"
    )
    assert render_faults(replace(CLEAN, finished=False)) == "Run interrupted after 1,200 items\n"


def test_the_details_are_every_kind_of_error_and_the_reasons_of_the_plan() -> None:
    outcome = replace(OUTCOME, failed=44, errors=KINDS)
    text = render_details(outcome, plan(why=("Backend: as asked for",), predicted_s=2.0))
    assert text.startswith("\nMost frequent errors\n- 9 times, first at line 0: E0: no\n")
    assert "- 2 times, first at line 7: E7: no\n\nPlan\n- Backend: thread\n" in text
    assert text.endswith("- Backend: as asked for\n- Predicted time: 2.00s\n")


@pytest.mark.parametrize(
    ("busy_s", "cpu_s", "retries", "limits", "words"),
    [
        (7.8, 0.1, 0, (), "the items, which wait; workers at work 97.5% of the time"),
        (7.8, 7.0, 0, ("--rate",), "the items, which compute; workers at work 97.5% of the"),
        (2.0, 0.0, 3, ("--rate",), "--rate; workers at work 25.0% of the time"),
        (2.0, 0.0, 3, (), "waits before retries, input or output; workers at work 25"),
        (2.0, 0.0, 0, ("--rate", "--limit-per"), "--rate and --limit-per; workers at work"),
        (2.0, 0.0, 0, (), "start, input or output; workers at work 25.0% of the time"),
    ],
)
def test_what_held_a_run_back_is_what_the_workers_did_or_waited_for(
    busy_s: float, cpu_s: float, retries: int, limits: tuple[str, ...], words: str
) -> None:
    run = run_summary(busy_s=busy_s, cpu_s=cpu_s, retries=retries, workers=2, total_duration=4.0)
    found = held_back(run, PLAN, limits=limits)
    assert found is not None
    assert found.startswith(words)
    assert held_back(replace(run, total_duration=0.9), PLAN, limits=limits) is None
    assert held_back(NOTHING, PLAN, limits=limits) is None


def test_what_the_other_side_bears_holds_a_run_back_and_is_told() -> None:
    run = run_summary(busy_s=4.0, workers=4, total_duration=2.0)
    bears = Concurrency(1, 128, 16, found=3, why="more did not help", is_limited=True)
    bearing = replace(PLAN, concurrency=bears)
    found = held_back(run, bearing, limits=())
    assert found == "what the other side bears; workers at work 50.0% of the time"
    assert "- Found: 3 at once; more did not help\n" in summary(CLEAN, plan=bearing)


def test_control_characters_in_data_are_escaped() -> None:
    outcome = replace(
        OUTCOME,
        errors=(ErrorExample("E\x1b[2J", 1, "a\x07.txt line 1", "one\ntwo\t\u202ethree"),),
        output="out\x1b[31m.jsonl",
        errors_file="err\r.jsonl",
    )
    assert summary(outcome) == (
        "Run complete, 3 items failed\n"
        "- Items: 1,200 done in 6.60s, 3 failed; 181.8 items/sec on 8 threads\n"
        "- Error: a\\x07.txt line 1: E\\x1b[2J: one two \\x202ethree\n"
        "- Error: 2 of other kinds\n"
        "- Results: 1,197 in out\\x1b[31m.jsonl\n"
        "- Failed items: 3 in err .jsonl\n"
    )


def test_a_long_message_is_cut_where_its_line_would_be_too_long() -> None:
    fits = ErrorExample("E", 1, "line 1", "x" * 149)
    longer = replace(fits, error="x" * 150)
    hostile = replace(fits, error_type="T" * 500, error="\x1b" * 500)
    outcome = replace(OUTCOME, errors=(fits, longer, hostile))
    assert [line for line in summary(outcome).splitlines() if "Err" in line] == [
        "- Error: line 1: E: " + "x" * 149,
        "- Error: line 1: E: " + "x" * 148 + "…",
        "- Error: line 1: " + "T" * 151 + "…",
    ]


def test_a_plan_is_shown_with_its_reasons_and_its_prediction() -> None:
    measured = plan(why=("Backend: threads, as items wait", "because " * 12), predicted_s=1.234)
    assert render_plan(measured) == (
        "Plan\n"
        "- Backend: thread\n"
        "- Workers: 2\n"
        "- Batch size: 1\n"
        "- Backend: threads, as items wait\n"
        "- because because because because because because because because because\n"
        "  because because because\n"
        "- Predicted time: 1.23s\n"
    )
    assert render_plan(plan(why=())).endswith("- Batch size: 1\n- Predicted time: not measured\n")
