"""Saved benchmarks: read back as they were, refused when they are none, and compared fairly."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from batchmap.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.benchmark_records import Sweep, SweepPoint
from batchmap_workbook.utils.analysis.records import Case, Comparison, Spread
from batchmap_workbook.utils.analysis.regressions import (
    SavedBenchmark,
    SavedCase,
    compare_with,
    read_benchmark,
    saved_benchmark,
)
from batchmap_workbook.utils.execution.trace import RoundsEnvironment
from tests.fakes import plan

MACHINE = {"usable_cores": 2, "memory_bytes": 8_000_000_000, "python": "3.11.7"}
STEADY = (2.0, 2.01, 2.02)
IDLE = RoundsEnvironment(sequential_load=0.0, parallel_load=0.1, probe_s=0.001)


def spread(values: tuple[float, ...]) -> Spread:
    return Spread(median(values), min(values), max(values), values)


def blank(record: Any, **values: Any) -> Any:
    """Return a record of which only `values` matter."""
    return record(**{field.name: None for field in fields(record)} | values)


def case(
    name: str = "I/O small",
    *,
    sequential: tuple[float, ...] = STEADY,
    parallel: tuple[float, ...] = (0.5, 0.505, 0.51),
    items: int = 50,
    sweep: Sweep | None = None,
    workload: str = "io",
    environment: RoundsEnvironment = IDLE,
    **planned: Any,
) -> Case:
    comparison = blank(
        Comparison,
        total_items=items,
        sequential_times=spread(sequential),
        parallel_times=spread(parallel),
        environment=environment,
    )
    made: Case = blank(
        Case,
        name=name,
        workload=workload,
        plan=plan(**planned),
        comparison=comparison,
        sweep=sweep,
    )
    return made


def through_a_file(cases: list[Case], path: Path, **more: Any) -> SavedBenchmark:
    path.write_text(json.dumps(saved_benchmark(cases, MACHINE, **more), allow_nan=False))
    return read_benchmark(path)


def saved(*cases: Case) -> SavedBenchmark:
    """Return `cases` as they would be read."""
    document = saved_benchmark(cases, MACHINE)
    return SavedBenchmark(
        "before.json",
        MACHINE,
        {},
        tuple(
            SavedCase(
                name=one["name"],
                workload=one["workload"],
                items=one["items"],
                workers=one["workers"],
                backend=one["backend"],
                sequential_times_s=tuple(one["sequential_times_s"]),
                parallel_times_s=tuple(one["parallel_times_s"]),
                sweep_times_s=(),
                environment=RoundsEnvironment(
                    one["sequential_load"], one["parallel_load"], one["probe_s"]
                ),
            )
            for one in document["cases"]
        ),
    )


times = st.floats(1e-3, 1e3)
rounds = st.lists(times, min_size=1, max_size=9).map(tuple)
steady_rounds = st.tuples(times, st.lists(st.floats(1, 1.05), min_size=1, max_size=9)).map(
    lambda drawn: tuple(drawn[0] * factor for factor in drawn[1])
)


def test_what_is_saved_is_read_back_as_it_was(tmp_path: Path) -> None:
    point = blank(SweepPoint, workers=4, time_s=0.25)
    sweep = Sweep((point,), 0.0, 0.0, None)
    read = through_a_file(
        [case(sweep=sweep, workers=8, backend="process")],
        tmp_path / "before.json",
        conditions={"latency_s": 0.1},
    )
    assert read == SavedBenchmark(
        name=str(tmp_path / "before.json"),
        machine=MACHINE,
        conditions={"latency_s": 0.1},
        cases=(
            SavedCase(
                name="I/O small",
                workload="io",
                items=50,
                workers=8,
                backend="process",
                sequential_times_s=STEADY,
                parallel_times_s=(0.5, 0.505, 0.51),
                sweep_times_s=((4, 0.25),),
                environment=IDLE,
            ),
        ),
    )


def test_a_scenario_without_an_end_or_without_time_is_not_saved() -> None:
    unfinished = blank(Case, name="Text", workload="text", plan=plan())
    document = saved_benchmark([unfinished, case("None", sequential=(0.0,)), case()], MACHINE)
    assert [one["name"] for one in document["cases"]] == ["I/O small"]


@given(rounds, rounds)
def test_against_itself_nothing_is_slower(
    sequential: tuple[float, ...], parallel: tuple[float, ...]
) -> None:
    one = case(sequential=sequential, parallel=parallel)
    regressions, _ = compare_with(saved(one), [one], MACHINE)
    assert [(r.figure, r.ratio, r.slower) for r in regressions] == [
        ("sequential time", 1, False),
        ("parallel time", 1, False),
    ]


@given(steady_rounds, steady_rounds)
def test_twice_the_time_is_slower_and_half_of_it_is_not(
    sequential: tuple[float, ...], parallel: tuple[float, ...]
) -> None:
    before = case(sequential=sequential, parallel=parallel)
    now = case(sequential=sequential, parallel=tuple(2 * value for value in parallel))
    [same, doubled], _ = compare_with(saved(before), [now], MACHINE)
    assert (same.slower, doubled.slower) == (False, True)
    assert doubled.ratio == pytest.approx(2)
    [same, halved], _ = compare_with(saved(now), [before], MACHINE)
    assert (same.slower, halved.slower) == (False, False)
    assert halved.ratio == pytest.approx(0.5)


@given(rounds, rounds)
def test_at_most_one_of_two_runs_is_the_slower_and_both_see_the_same_noise(
    one: tuple[float, ...], other: tuple[float, ...]
) -> None:
    a, b = case(sequential=one), case(sequential=other)
    there, back = (
        compare_with(saved(before), [now], MACHINE)[0][0] for before, now in ((a, b), (b, a))
    )
    assert not (there.slower and back.slower)
    assert there.noise == pytest.approx(back.noise)
    assert there.ratio * back.ratio == pytest.approx(1)


@pytest.mark.parametrize(
    ("before", "now", "noise"),
    [
        ((2.0, 2.2, 2.4), (2.0, 2.0, 2.1), 1 + 0.4 / 2.2 + 0.1 / 2.0),  # ranges
        ((2.0, 2.0, 2.0), (2.0, 2.0, 2.0), 1.05),  # never less than days differ by
        ((2.0, 2.1, 2.2, 2.3, 9.0), (2.0, 2.0), 1 + 3 * 0.1 / 2.2),  # one was disturbed
        ((2.0,), (2.0, 2.0, 2.0), 1.1),  # assumed
        ((2.0,), (2.0,), 1.1),
        ((2.0,), (2.0, 2.2, 2.4), 1 + 0.4 / 2.2),  # known to be more
    ],
)
def test_noise_is_the_spread_of_both_sides(
    before: tuple[float, ...], now: tuple[float, ...], noise: float
) -> None:
    for first, second in ((before, now), (now, before)):
        [one, _], _ = compare_with(saved(case(sequential=first)), [case(sequential=second)], {})
        assert one.noise == pytest.approx(noise)


def test_a_regression_holds_the_medians_of_both_sides() -> None:
    [one, _], _ = compare_with(
        saved(case(sequential=(1.0, 3.0, 2.0))), [case(sequential=(5.0, 4.0))], MACHINE
    )
    assert (one.name, one.before_s, one.now_s, one.ratio) == ("I/O small", 2.0, 4.5, 2.25)


def test_nothing_is_warned_of_where_all_is_alike() -> None:
    assert compare_with(saved(case()), [case()], MACHINE)[1] == []


def test_a_single_round_is_warned_of_once_for_all_scenarios() -> None:
    _, warnings = compare_with(
        saved(case("A", sequential=(2.0,)), case("B", parallel=(2.0,)), case("C")),
        [case("A"), case("B"), case("C")],
        MACHINE,
    )
    assert warnings == [
        "A, B: measured only once, so 10% is taken for noise; --repeat 5, on both sides, "
        "measures it"
    ]


def test_a_scenario_that_only_one_side_has_is_warned_of() -> None:
    unfinished = blank(Case, name="C", workload="text", plan=plan())
    regressions, warnings = compare_with(
        saved(case("A"), case("C"), case("D")), [case("B"), unfinished], MACHINE
    )
    assert regressions == []
    assert warnings == [
        "B: not compared: before.json does not have it",
        "C: not compared: it was not measured to its end now",
        "A: not compared: it was not run now",
        "D: not compared: it was not run now",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": 100}, "items 50 before, 100 now"),
        ({"workers": 4}, "workers 2 before, 4 now"),
        ({"backend": "process"}, "backend thread before, process now"),
        ({"workload": "text"}, "workload io before, text now"),
    ],
)
def test_unlike_scenarios_are_not_compared(changes: dict[str, Any], message: str) -> None:
    regressions, warnings = compare_with(saved(case()), [case(**changes)], MACHINE)
    assert regressions == []
    assert warnings == [f"I/O small: not compared: {message}"]


def test_under_other_conditions_nothing_is_compared(tmp_path: Path) -> None:
    before = through_a_file(
        [case()], tmp_path / "before.json", conditions={"latency_s": 0.5, "seed": 0}
    )
    same, no_warnings = compare_with(
        before, [case()], MACHINE, conditions={"latency_s": 0.5, "seed": 0}
    )
    assert (len(same), no_warnings) == (2, [])
    none, [warning] = compare_with(
        before, [case()], MACHINE, conditions={"latency_s": 0.05, "seed": 0}
    )
    assert none == []
    assert warning == "nothing is compared, as settings differ: latency_s 0.5 before, 0.05 now"


def test_another_machine_is_warned_of_and_compared_all_the_same() -> None:
    regressions, warnings = compare_with(
        saved(case()), [case()], {**MACHINE, "usable_cores": 8, "python": "3.12.1", "load": 3}
    )
    assert len(regressions) == 2
    assert warnings == [
        "another machine, so times cannot be trusted to compare: usable cores 2 before, 8 now, "
        "Python 3.11.7 before, 3.12.1 now"
    ]


@pytest.mark.parametrize(("memory_bytes", "number"), [(8_100_000_000, 0), (16_000_000_000, 1)])
def test_memory_that_differs_a_little_is_the_same_machine(memory_bytes: int, number: int) -> None:
    _, warnings = compare_with(saved(case()), [case()], {**MACHINE, "memory_bytes": memory_bytes})
    assert len(warnings) == number


def document(**changes: Any) -> dict[str, Any]:
    return {**saved_benchmark([case()], MACHINE), **changes}


def with_case(**changes: Any) -> dict[str, Any]:
    whole = document()
    whole["cases"] = [{**whole["cases"][0], **changes}]
    return whole


NO_BENCHMARK = "it is JSON, but no saved benchmark; make one with `benchmark --save FILE`"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"{'a': 1}", "it is not JSON"),
        (b'{"schema": 1', "it is not JSON"),
        (b'{"schema": NaN}', "it is not JSON \\(it holds NaN"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "it is not JSON"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a": ' * 200_000, "nested too deep"),
        (b" " * 5_000_000, "too large"),
        (b"[]", NO_BENCHMARK),
        (b"null", NO_BENCHMARK),
        (b'{"command": "benchmark", "scenarios": []}', NO_BENCHMARK),
    ],
)
def test_a_file_that_is_no_saved_benchmark_says_what_it_is(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "before.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        read_benchmark(path)
    assert str(raised.value).startswith(f"--against {path}: ")
    assert len(raised.value.messages[0]) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document(schema=2), r"a later version saved it \(schema 2, this one reads up to 1\)"),
        (document(schema="1"), "schema must be a whole number from 0, got '1'"),
        (document(schema=True), "schema must be a whole number from 0, got True"),
        (document(machine=[]), r"machine must be an object, got \[\]"),
        (document(cases={}), r"cases must be a list of objects, got \{\}"),
        (document(cases=[1]), r"cases must be a list of objects, got \[1\]"),
        (document(cases=document()["cases"] * 2), "two scenarios are named 'I/O small'"),
        (with_case(name=3), "cases 1: name must be text, got 3"),
        (with_case(items=-1), "cases 1: items must be a whole number from 0, got -1"),
        (with_case(sequential_times_s=[]), "sequential_times_s must be a list of times"),
        (with_case(sequential_times_s=["1"]), "sequential_times_s must be a list of times"),
        (with_case(sequential_times_s=[True]), "sequential_times_s must be a list of times"),
        (with_case(parallel_times_s=[1.0, -1.0]), "parallel_times_s must be a list of times"),
        (with_case(parallel_times_s=[0]), "parallel_times_s must be a list of times"),
        (with_case(parallel_times_s=[10**400]), "parallel_times_s must be a list of times"),
        (with_case(parallel_times_s=1.0), "parallel_times_s must be a list of times"),
        (with_case(sweep=[{"workers": 2}]), "cases 1, sweep 1: time_s is missing"),
        (with_case(probe_s=-1), "cases 1: probe_s must be a number from 0, got -1"),
        (with_case(parallel_load="2"), "parallel_load must be a number from 0, got '2'"),
        (with_case(name="\x1b[2J", items=None), "items must be a whole number"),
    ],
)
def test_an_error_in_a_saved_benchmark_is_reported_with_its_place(
    content: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "before.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as raised:
        read_benchmark(path)
    assert len(raised.value.messages[0]) < 400


def test_a_time_beyond_all_floats_is_none(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text(json.dumps(with_case(parallel_times_s=["huge"])).replace('"huge"', "1e999"))
    with pytest.raises(InputError, match="got \\[inf\\]"):
        read_benchmark(path)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    whole = document()
    del whole["conditions"]
    path = tmp_path / "before.json"
    path.write_text(json.dumps(whole))
    with pytest.raises(InputError, match="conditions is missing; save it again"):
        read_benchmark(path)


def test_a_file_that_is_not_there_names_the_way_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file; make one with `benchmark --save"):
        read_benchmark(tmp_path / "none.json")


@pytest.mark.parametrize("name", [".", "a\0b", "x" * 300])
def test_what_cannot_be_opened_is_an_input_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_benchmark(tmp_path / name)


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text(
        json.dumps(
            {
                **with_case(name="\x1b[2J", workload="\x1b[1m"),
                "machine": {"python": "\x1b[3m", "system": ["\x1b[4m"]},
                "conditions": {"\x1b[5m": "\x1b[6m"},
            }
        )
    )
    read = read_benchmark(path)
    now = {**MACHINE, "system": "Linux"}
    warnings = [
        *compare_with(read, [case("\x1b[2J")], now)[1],
        *compare_with(read, [case("\x1b[2J")], now, conditions={"\x1b[5m": "\x1b[6m"})[1],
    ]
    assert len(warnings) == 4
    assert not any("\x1b" in warning for warning in warnings)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(document())), json_values),
    st.dictionaries(st.sampled_from(sorted(document()["cases"][0])), json_values),
)
def test_any_document_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[str, Any], one: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({**with_case(**one), **whole}))
    try:
        read = read_benchmark(path)
    except InputError:
        return
    compare_with(read, [case()], MACHINE)
