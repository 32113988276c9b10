"""The texts that `batchmap run` ends with, character by character."""

from __future__ import annotations

from dataclasses import replace

from batchmap.command.summary import render_plan, render_summary
from batchmap.records import ErrorExample, RunOutcome

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


def test_a_run_that_did_all_is_summed_up_in_two_lines() -> None:
    assert render_summary(CLEAN, METRICS, PLAN) == (
        "Run\n"
        "===\n"
        "\n"
        "- Items: 1,200 done in 6.60s, 0 failed; 181.8 items/sec on 8 thread workers\n"
        "- Results: 1,200 in out.jsonl\n"
    )


def test_a_resumed_run_counts_what_was_there_before() -> None:
    outcome = replace(OUTCOME, written_before=20, failed_before=1)
    assert render_summary(outcome, METRICS, PLAN) == (
        "Run\n"
        "===\n"
        "\n"
        "- Items: 1,200 done in 6.60s, 3 failed; 181.8 items/sec on 8 thread workers\n"
        "- Results: 1,197 in out.jsonl, 20 before\n"
        "- Failed items: 4 in out.jsonl.errors, 1 of them before\n"
        "- Error: 2 times, first at items.jsonl line 12: ValueError: no number: 'x'\n"
        "- Error: 1 of other kinds\n"
    )


def test_failed_items_that_are_not_kept_are_counted_and_the_option_is_named() -> None:
    outcome = replace(OUTCOME, errors=(), errors_file=None)
    assert render_summary(outcome, METRICS, plan(backend="process", workers=1)) == (
        "Run\n"
        "===\n"
        "\n"
        "- Items: 1,200 done in 6.60s, 3 failed; 181.8 items/sec on 8 process workers\n"
        "- Results: 1,197 in out.jsonl\n"
        "- Failed items: 3, not kept; --errors FILE keeps them\n"
    )


def test_the_longest_summary_has_seven_lines_under_its_title() -> None:
    kinds = tuple(ErrorExample(f"E{n}", 9 - n, f"line {n}", "no") for n in range(8))
    outcome = replace(OUTCOME, errors=kinds, finished=False)
    alone = run_summary(total_processed=1, total_duration=2.0, throughput=0.5)
    assert render_summary(outcome, alone, PLAN) == (
        "Run\n"
        "===\n"
        "\n"
        "- Items: 1 done in 2.00s, 3 failed; 0.5 items/sec on 1 thread worker\n"
        "- Results: 1,197 in out.jsonl\n"
        "- Failed items: 3 in out.jsonl.errors\n"
        "- Error: 9 times, first at line 0: E0: no\n"
        "- Error: 8 times, first at line 1: E1: no\n"
        "- Error: 7 times, first at line 2: E2: no\n"
        "- Conclusion: Interrupted after 1 item.\n"
    )


def test_a_run_that_was_stopped_for_its_failures_says_so() -> None:
    outcome = replace(CLEAN, failed=3, finished=False, halted=True)
    assert render_summary(outcome, METRICS, PLAN).endswith(
        "- Failed items: 3, not kept; --errors FILE keeps them\n"
        "- Conclusion: Stopped after 1,200 items: too many failed.\n"
    )


def test_a_run_that_was_resumed_at_its_end_had_nothing_left_to_do() -> None:
    outcome = replace(CLEAN, written=0, written_before=1_200)
    assert render_summary(outcome, NOTHING, PLAN) == (
        "Run\n"
        "===\n"
        "\n"
        "- Items: 0 done, 0 failed\n"
        "- Results: 0 in out.jsonl, 1,200 before\n"
        "- Conclusion: There was nothing left to do.\n"
    )


def test_an_empty_input_is_no_reason_for_a_conclusion() -> None:
    assert render_summary(replace(CLEAN, written=0), NOTHING, PLAN) == (
        "Run\n===\n\n- Items: 0 done, 0 failed\n- Results: 0 in out.jsonl\n"
    )


def test_control_characters_in_data_are_escaped() -> None:
    outcome = replace(
        OUTCOME,
        errors=(ErrorExample("E\x1b[2J", 1, "a\x07.txt line 1", "one\ntwo\t\u202ethree"),),
        output="out\x1b[31m.jsonl",
        errors_file="err\r.jsonl",
    )
    assert render_summary(outcome, METRICS, PLAN) == (
        "Run\n"
        "===\n"
        "\n"
        "- Items: 1,200 done in 6.60s, 3 failed; 181.8 items/sec on 8 thread workers\n"
        "- Results: 1,197 in out\\x1b[31m.jsonl\n"
        "- Failed items: 3 in err .jsonl\n"
        "- Error: a\\x07.txt line 1: E\\x1b[2J: one two \\x202ethree\n"
        "- Error: 2 of other kinds\n"
    )


def test_a_long_message_is_cut_where_its_line_would_be_too_long() -> None:
    fits = ErrorExample("E", 1, "line 1", "x" * 149)
    longer = replace(fits, error="x" * 150)
    hostile = replace(fits, error_type="T" * 500, error="\x1b" * 500)
    outcome = replace(OUTCOME, errors=(fits, longer, hostile))
    assert [
        line for line in render_summary(outcome, METRICS, PLAN).splitlines() if "Err" in line
    ] == [
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
