"""What a function gets: an item spread over arguments, its index, further keywords."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, ItemRecord, UsageError, parallel_map, run, stream_map
from batchmap.command.run_settings import RunSettings
from batchmap.command.task import load_task
from batchmap.worker.call_shape import CallShape

from batchmap_workbook.utils.cli.settings import Settings
from tests.conftest import RunMain
from tests.run_command import Place, ended, place
from tests.shaped_functions import told, told_later

__all__ = ["place"]

BACKENDS = ("auto", "sequential", "thread", "process")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(path: str = "out.jsonl") -> list[Any]:
    return [json.loads(line)["result"] for line in Path(path).read_text().splitlines()]


def error_of(one: Any) -> str:
    assert isinstance(one, ItemRecord)
    assert one.failure is not None
    return one.failure.error


# Star -----------------------------------------------------------------------------------------

SPREAD = [(1, 2), [3], {"a": 4}, (), {}]
TOLD = [((1, 2), {}), ((3,), {}), ((), {"a": 4}), ((), {}), ((), {})]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tuple_or_list_is_spread_over_arguments_and_a_dict_over_keywords(backend: str) -> None:
    assert parallel_map(told, SPREAD, star=True, backend=backend) == TOLD


@pytest.mark.parametrize("backend", ["auto", "async", "thread", "process"])
def test_a_coroutine_function_is_called_the_same_way(backend: str) -> None:
    assert parallel_map(told_later, SPREAD, star=True, backend=backend) == TOLD
    given = stream_map(told_later, "ab", index=True, keep_order=True, backend=backend)
    assert [one.result for one in given] == [(("a",), {"index": 0}), (("b",), {"index": 1})]


def test_what_is_no_tuple_list_or_dict_fails_alone() -> None:
    found = parallel_map(told, [(1,), "ab", 3], star=True, on_error="record")
    assert found[0] == ((1,), {})
    assert [error_of(one) for one in found[1:]] == [
        f"star spreads a tuple, a list or a dict, and the item is of type {kind}"
        for kind in ("str", "int")
    ]


# Index ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [list, iter])
def test_the_index_is_that_of_the_item_in_the_input(backend: str, kind: Any) -> None:
    items = [f"item {number}" for number in range(3000)]
    found = parallel_map(told, kind(items), index=True, backend=backend)
    assert found == [((item,), {"index": number}) for number, item in enumerate(items)]


def test_the_index_goes_with_what_is_spread_and_a_clash_fails_that_item() -> None:
    items = [(1, 2), {"a": 3}, {"index": 7}]
    found = parallel_map(told, items, star=True, index=True, on_error="record")
    assert found[:2] == [((1, 2), {"index": 0}), ((), {"a": 3, "index": 1})]
    assert "multiple values for keyword argument 'index'" in error_of(found[2])


@pytest.mark.parametrize("backend", ["sequential", "process", "async"])
def test_a_resumed_run_gives_the_index_in_the_input(here: Path, backend: str) -> None:
    def fails_for_now(item: str, index: int) -> str:
        if index % 3 == 1 and not Path("mended").exists():
            raise ValueError(item)
        return f"{index}:{item}"

    async def later(item: str, index: int) -> str:
        return fails_for_now(item, index)

    function = later if backend == "async" else fails_for_now
    Path("in.txt").write_text("".join(f"{word}\n" for word in "abcdefgh"))
    run(function, "in.txt", "out.jsonl", index=True, backend=backend)
    assert results() == ["0:a", "2:c", "3:d", "5:f", "6:g"]
    Path("mended").touch()
    with Path("in.txt").open("a") as file:
        file.write("i\nj\n")
    options: dict[str, Any] = {
        "mode": "resume",
        "retry_failed": True,
        "batch_size": 2,
    }
    run(function, "in.txt", "out.jsonl", index=True, backend=backend, **options)
    assert sorted(results()) == [f"{number}:{word}" for number, word in enumerate("abcdefghij")]


def test_rows_of_a_block_have_their_indexes_too_and_unreadable_ones_fail(here: Path) -> None:
    lines = [json.dumps({"n": number}) for number in range(3000)]
    lines[1700] = "{"
    Path("in.jsonl").write_text("\n".join(lines))
    done = run(lambda item, index: item["n"] - index, "in.jsonl", "out.jsonl", index=True)
    assert (done.written, done.failed) == (2999, 1)
    assert set(results()) == {0}


def test_a_sync_is_refused_the_index(here: Path) -> None:
    with pytest.raises(UsageError, match="index: an item that moves would have to be done again"):
        run(told, ["a"], "out.jsonl", index=True, mode="sync")


# Arguments ------------------------------------------------------------------------------------


def test_arguments_are_given_with_every_item(here: Path) -> None:
    run(told, ["a"], "out.jsonl", arg={"size": 3, "tags": ["x"]})
    assert results() == [[["a"], {"size": 3, "tags": ["x"]}]]


def test_changed_arguments_are_a_changed_task(here: Path) -> None:
    run(told, ["a"], "out.jsonl", arg={"size": 3, "key": "sesame-1"})
    for arg, name in (
        ({"size": 4, "key": "sesame-1"}, "size"),
        ({"size": 3, "key": "sesame-2"}, "key"),
        ({"size": 3}, "key"),
        ({"size": 3, "key": "sesame-1", "more": 1}, "more"),
        ({"size": 3.0, "key": "sesame-1"}, "size"),
    ):
        with pytest.raises(InputError, match=f"the argument {name} is not what it was") as caught:
            run(told, ["a", "b"], "out.jsonl", arg=arg, mode="resume")
        assert "sesame" not in str(caught.value)
    again = {"key": "sesame-1", "size": 3}  # in another order
    assert run(told, ["a", "b"], "out.jsonl", arg=again, mode="resume").written == 1
    changed: dict[str, Any] = {"arg": {"size": 4}, "accept_task": True, "mode": "resume"}
    run(told, ["a", "b", "c"], "out.jsonl", **changed)
    assert [keywords["size"] for _, keywords in results()] == [3, 3, 4]
    assert b"sesame" not in Path("out.jsonl.journal").read_bytes()


@pytest.mark.parametrize(
    ("first", "then"), [({"star": True}, {}), ({}, {"star": True}), ({"index": True}, {})]
)
def test_a_run_goes_on_with_the_same_calls_only(
    here: Path, first: dict[str, Any], then: dict[str, Any]
) -> None:
    run(told, [["a"]], "out.jsonl", **first)
    with pytest.raises(InputError, match=r"(star|index) was (True|not given) when the run began"):
        run(told, [["a"], ["b"]], "out.jsonl", mode="resume", **then)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arg": 3}, "arg must be a mapping of keywords to values, got 3"),
        ({"arg": {"a b": 1}}, "arg a b: is no name of an argument; write NAME=VALUE"),
        ({"arg": {"index": 1}, "index": True}, "arg index: is what index gives, too"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: dict[str, Any], message: str, here: Path) -> None:
    with pytest.raises(UsageError, match=message):
        run(told, ["a"], "out.jsonl", **options)


# On the command line --------------------------------------------------------------------------

TASKS = """
def pair(a, b, *, size=0): return [a, b, size]
def text(item, *, index=None, **more): return [item, index, more]
def fetch(item, api_key, url): return len(api_key + url)
def strict(item, *, model): return [item, model]
def failing(item, token): raise ValueError(item)
"""


@pytest.fixture
def calls(place: Place) -> Place:
    place.write("calls.py", TASKS)
    place.write("in.csv", "b,a\n1,2\n3,4\n")
    return place


def test_the_command_spreads_rows_and_reads_arguments_as_json_or_text(calls: Place) -> None:
    calls.run("calls.py:pair", "in.csv", "--star", "--arg", "size=7", "-o", "out.jsonl")
    assert [one["result"] for one in calls.results("out.jsonl")] == [["2", "1", 7], ["4", "3", 7]]
    words = ["--arg", "a=[1, {}]", "--arg=b=x=y", "--arg", "c=NaN", "--arg", 'd="5"', "--index"]
    calls.run("calls.py:text", "in.txt", "--limit", "1", *words, "-o", "text.jsonl")
    more = {"a": [1, {}], "b": "x=y", "c": "NaN", "d": "5"}
    assert calls.results("text.jsonl") == [{"index": 0, "item": "0", "result": ["0", 0, more]}]


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("strict", CallShape(arguments={"modle": 1}), "--arg modle: strict() in calls.py has no "
         "parameter 'modle'; did you mean model?"),
        ("strict", CallShape(index=True), "--index: strict() in calls.py has no parameter 'index'; "
         "add it to the function's parameters"),
        ("strict", CallShape(star=True, arguments={"x": 1}), "--arg x: strict() in calls.py has no "
         "parameter 'x'; add it to the function's parameters"),
        ("strict", CallShape(), "strict() in calls.py must take one argument, the item: missing a "
         "required argument: 'model'"),
        ("strict", CallShape(arguments={"item": 1, "model": 2}), "strict() in calls.py must take "
         "one argument, the item, and the keywords item, model: multiple values for argument "
         "'item'"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_called_so_is_refused_before_anything_runs(
    calls: Place, monkeypatch: pytest.MonkeyPatch, name: str, shape: CallShape, message: str
) -> None:
    monkeypatch.chdir(calls.directory)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.delitem(sys.modules, "calls", raising=False)
    with pytest.raises(UsageError) as caught:
        load_task(f"calls.py:{name}", shape=shape)
    [said] = caught.value.messages
    assert said.replace("keyword-only argument", "argument") == message  # from Python 3.12 on


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arg": ["a"]}, "--arg must be NAME=VALUE, got 'a'; for example size=10"),
        ({"arg": ["=1"]}, "--arg : is no name of an argument; write NAME=VALUE"),
        ({"arg": ["a=1", "a=2"]}, "--arg a: is given twice; give one value"),
        ({"arg": ["index=1"], "index": True}, "--arg index: is what --index gives, too; leave one "
         "of them out"),
        ({"index": True, "sync": True}, "--index: an item that moves would have to be done again, "
         "which --sync does not do; leave one of them out"),
    ],
)  # fmt: skip
def test_options_of_a_call_that_make_no_sense_are_refused(
    here: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        RunSettings.of(task="calls.py:f", source="in.txt", output="out.jsonl", **options)
    assert caught.value.messages == (message,)


def test_a_secret_argument_reaches_the_function_and_nothing_else(calls: Place) -> None:
    words = ["--arg", "api_key=sesame-7", "--arg=url=postgresql://me:sesame-8@host/db"]
    done = calls.run(
        "calls.py:fetch", "in.txt", *words, "-o", "out.jsonl", "--export-json", "report.json"
    )
    length = len("sesame-7postgresql://me:sesame-8@host/db")
    assert {one["result"] for one in calls.results("out.jsonl")} == {length}
    kept = [path.read_bytes() for path in calls.directory.iterdir() if path.is_file()]
    assert not any(b"sesame" in data for data in [*kept, (done.stdout + done.stderr).encode()])
    shown = json.loads(calls.text("report.json"))["settings"]["arg"]
    assert shown == {"api_key": "***", "url": "postgresql://me@host/db"}


def test_the_hint_how_to_resume_leaves_secret_arguments_out(calls: Place) -> None:
    words = ["--arg", "token=sesame-7", "-o", "out.jsonl", "--halt", "1"]
    code, lines = ended(calls.run("calls.py:failing", "in.txt", *words))
    assert code == 4
    [hint] = [line for line in lines if line.startswith("resume with: ")]
    assert "--arg 'token=***'" in hint
    assert "sesame" not in "\n".join(lines)


COMPARED = """
def doubled(items, *, index): return [int(item) * 2 + place for item, place in zip(items, index)]
def flaky(item, seen=set()):
    if item not in seen:
        seen.add(item)
        raise LookupError(item)
    return item
def not_found(error): return isinstance(error, LookupError)
def weight(item): return 10
"""


@pytest.mark.parametrize("size", ["3", "auto"])
def test_a_comparison_gives_lists_and_indexes(calls: Place, run_main: RunMain, size: str) -> None:
    calls.write("compared.py", COMPARED)
    words = ["--batched", size, "--index", "--export-json", "report.json", "-q"]
    done = run_main("compare", "compared.py:doubled", "in.txt", *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(calls.text("report.json"))
    for phase in ("sequential_metrics", "parallel_metrics"):
        assert (found[phase]["successful"], found[phase]["failed"]) == (10, 0)
    assert found["settings"]["batched"] == (size if size == "auto" else int(size))


def test_a_comparison_asks_what_is_tried_again_and_what_items_cost(
    calls: Place, run_main: RunMain
) -> None:
    calls.write("compared.py", COMPARED)
    words = ["--retry-if", "not_found", "--rate", "100k/s", "--cost", "weight"]
    more = ["--backend", "sequential", "--export-json", "report.json", "-q"]
    done = run_main("compare", "compared.py:flaky", "in.txt", *words, *more)
    assert done.returncode == 0, done.stderr
    found = json.loads(calls.text("report.json"))
    assert found["sequential_metrics"]["successful"] == 10
    assert found["sequential_metrics"]["retries"] == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batched": "3", "star": True}, "--batched gives the function a list, and --star spreads "
         "one item; leave one of them out"),
        ({"cost": "weight"}, "--cost says what an item counts towards --rate; give --rate, too, "
         "for example 250k/m"),
        ({"retry_if": "f", "retries": "0"}, "--retry-if is about retries and --retries 0 allows "
         "none; leave --retries out"),
    ],
)  # fmt: skip
def test_a_comparison_refuses_calls_that_make_no_sense(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.of(task="t.py:f", input="in.txt", **options)
    assert message in caught.value.messages


def test_a_comparison_calls_the_task_the_same_way(calls: Place, run_main: RunMain) -> None:
    words = ["--star", "--arg", "size=7", "--export-json", "report.json", "-q"]
    done = run_main("compare", "calls.py:pair", "in.csv", *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(calls.text("report.json"))
    assert found["parallel_metrics"]["successful"] == 2
    with pytest.raises(UsageError) as caught:
        Settings.of(count="5", star=True, arg=["a=1", "b=2"])
    assert caught.value.messages == (
        "--star: needs --task, which it is about", "--arg a=1 b=2: needs --task, which it is about",
    )  # fmt: skip
