"""Complete little programs that use the core API and nothing else."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from kaygraph import (
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchNode,
    BatchGraph,
    BatchNode,
    Graph,
    MetricsNode,
    Node,
    ParallelBatchNode,
    ValidatedNode,
)

Shared = dict[str, Any]


class Guess(Node):
    """Halve the interval that holds the secret."""

    def prep(self, shared: Shared) -> tuple[int, int]:
        return shared["low"], shared["high"]

    def exec(self, prep_res: tuple[int, int]) -> int:
        low, high = prep_res
        return (low + high) // 2

    def post(self, shared: Shared, prep_res: Any, exec_res: int) -> str:
        shared["guesses"].append(exec_res)
        if exec_res == shared["secret"]:
            return "found"
        return "too_low" if exec_res < shared["secret"] else "too_high"


class RaiseLow(Node):
    def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> None:
        shared["low"] = shared["guesses"][-1] + 1


class LowerHigh(Node):
    def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> None:
        shared["high"] = shared["guesses"][-1] - 1


class Announce(Node):
    def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> str:
        shared["message"] = f"{shared['guesses'][-1]} in {len(shared['guesses'])}"
        return "announced"


def test_a_guessing_loop_is_steered_by_actions() -> None:
    guess, raise_low, lower_high, announce = Guess(), RaiseLow(), LowerHigh(), Announce()
    guess - "too_low" >> raise_low >> guess
    guess - "too_high" >> lower_high >> guess
    guess - "found" >> announce
    shared = {"secret": 37, "low": 1, "high": 100, "guesses": []}
    assert Graph(start=guess).run(shared) == "announced"
    assert shared["guesses"] == [50, 25, 37]
    assert shared["message"] == "37 in 3"


class CountWords(Node):
    def prep(self, shared: Shared) -> str:
        text: str = shared["files"][self.params["name"]]
        return text

    def exec(self, prep_res: str) -> int:
        return len(prep_res.split())

    def post(self, shared: Shared, prep_res: Any, exec_res: int) -> str:
        shared["counts"][self.params["name"]] = exec_res
        return "long" if exec_res > self.params["limit"] else "short"


class MarkLong(Node):
    def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> None:
        shared["long"].append(self.params["name"])


class PerFile(BatchGraph):
    def prep(self, shared: Shared) -> list[dict[str, Any]]:
        return [{"name": name} for name in shared["files"]]

    def post(self, shared: Shared, prep_res: list[dict[str, Any]], exec_res: None) -> str:
        shared["files_done"] = len(prep_res)
        return "counted"


def test_a_batch_graph_works_file_by_file() -> None:
    count = CountWords()
    count - "long" >> MarkLong()
    count - "short" >> Node()
    graph = PerFile(start=count)
    graph.set_params({"limit": 2})
    shared: Shared = {
        "files": {"a.txt": "one two three", "b.txt": "one", "c.txt": "1 2 3 4"},
        "counts": {},
        "long": [],
    }
    assert graph.run(shared) == "counted"
    assert shared["counts"] == {"a.txt": 3, "b.txt": 1, "c.txt": 4}
    assert shared["long"] == ["a.txt", "c.txt"]
    assert shared["files_done"] == 3


class P(ParallelBatchNode, MetricsNode):
    """Square numbers on eight threads, and count."""

    def __init__(self) -> None:
        super().__init__(max_workers=8, collect_metrics=True)
        self.together = threading.Barrier(8, timeout=20)

    def prep(self, shared: Shared) -> list[int]:
        numbers: list[int] = shared["numbers"]
        return numbers

    def exec(self, prep_res: int) -> int:
        self.together.wait()
        return prep_res**2

    def post(self, shared: Shared, prep_res: list[int], exec_res: list[int]) -> None:
        shared["squares"] = dict(zip(prep_res, exec_res, strict=True))


class S(BatchNode, MetricsNode):
    """Square numbers one after another, and count."""

    def prep(self, shared: Shared) -> list[int]:
        numbers: list[int] = shared["numbers"]
        return numbers

    def exec(self, prep_res: int) -> int:
        return prep_res**2

    def post(self, shared: Shared, prep_res: list[int], exec_res: list[int]) -> None:
        shared["squares one by one"] = dict(zip(prep_res, exec_res, strict=True))


def test_sequential_and_parallel_nodes_agree_and_their_statistics_stay_readable() -> None:
    sequential, parallel = S(collect_metrics=True), P()
    sequential >> parallel
    shared: Shared = {"numbers": list(range(64))}
    Graph(start=sequential).run(shared)
    assert shared["squares"] == {number: number**2 for number in range(64)}
    assert shared["squares one by one"] == shared["squares"]
    for node in (sequential, parallel):
        stats = node.get_stats()
        assert stats["total_executions"] == 1
        assert stats["success_rate"] == 1.0
        assert stats["total_retries"] == 0
        assert 0 <= stats["min_execution_time"] <= stats["max_execution_time"]


class FetchAll(AsyncParallelBatchNode):
    async def prep_async(self, shared: Shared) -> list[str]:
        urls: list[str] = shared["urls"]
        return urls

    async def exec_async(self, prep_res: str) -> str:
        await asyncio.sleep(0)
        if prep_res == "gone" or self.cur_retry < len(prep_res) % 2:
            raise ConnectionError(prep_res)
        return prep_res.upper()

    async def exec_fallback_async(self, prep_res: str, exc: Exception) -> str:
        return f"{type(exc).__name__}: {prep_res}"

    async def post_async(self, shared: Shared, prep_res: Any, exec_res: list[str]) -> str:
        shared["pages"] = exec_res
        return "fetched"


class Join(Node):
    def prep(self, shared: Shared) -> list[str]:
        pages: list[str] = shared["pages"]
        return pages

    def exec(self, prep_res: list[str]) -> str:
        return ", ".join(prep_res)

    def post(self, shared: Shared, prep_res: Any, exec_res: str) -> None:
        shared["joined"] = exec_res


class Publish(AsyncNode):
    async def post_async(self, shared: Shared, prep_res: Any, exec_res: Any) -> str:
        await asyncio.sleep(0)
        shared["published"] = True
        return "published"


def test_an_async_graph_mixes_async_and_plain_nodes() -> None:
    fetch = FetchAll(max_retries=2)
    fetch - "fetched" >> Join() >> Publish()
    shared: Shared = {"urls": ["a", "bb", "gone", "ccc"]}
    assert asyncio.run(AsyncGraph(start=fetch).run_async(shared)) == "published"
    assert shared["joined"] == "A, BB, ConnectionError: gone, CCC"
    assert shared["published"]


class Add(Node):
    def prep(self, shared: Shared) -> int:
        total: int = shared["total"]
        return total

    def exec(self, prep_res: int) -> int:
        step: int = self.params["step"]
        return prep_res + step

    def post(self, shared: Shared, prep_res: int, exec_res: int) -> str:
        shared["total"] = exec_res
        return "enough" if exec_res >= 10 else "more"


def test_graphs_nest_and_the_inner_one_steers_the_outer() -> None:
    add = Add()
    add.set_params({"step": 4})
    inner = Graph(start=add)
    again, done = Announcement("again"), Announcement("done")
    inner - "more" >> again >> inner
    inner - "enough" >> done
    shared: Shared = {"total": 0, "said": []}
    Graph(start=inner).run(shared)
    assert shared == {"total": 12, "said": ["again", "again", "done"]}


class Announcement(Node):
    def post(self, shared: Shared, prep_res: Any, exec_res: Any) -> None:
        shared["said"].append(self.node_id)

    def __init__(self, word: str) -> None:
        super().__init__(node_id=word)


class AskTwice(Node):
    """Fail until the service has been asked often enough."""

    def __init__(self, failures: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.failures = failures

    def exec(self, prep_res: Any) -> str:
        if self.cur_retry < self.failures:
            raise ConnectionError(f"attempt {self.cur_retry}")
        return f"answer after {self.cur_retry} failures"

    def exec_fallback(self, prep_res: Any, exc: Exception) -> str:
        return f"gave up: {exc}"

    def post(self, shared: Shared, prep_res: Any, exec_res: str) -> None:
        shared.setdefault("answers", []).append(exec_res)


def test_retries_end_in_an_answer_or_in_the_fallback() -> None:
    first = AskTwice(2, max_retries=3, wait=0)
    first >> AskTwice(3, max_retries=3, wait=0)
    shared: Shared = {}
    Graph(start=first).run(shared)
    assert shared["answers"] == ["answer after 2 failures", "gave up: attempt 2"]


class Connected(ValidatedNode):
    """Hold a connection while in use, and check what goes through it."""

    def __init__(self) -> None:
        super().__init__(node_id="connected")
        self.connection: list[str] | None = None

    def setup_resources(self) -> None:
        self.connection = []

    def cleanup_resources(self) -> None:
        self.connection = None

    def prep(self, shared: Shared) -> Any:
        return shared["word"]

    def validate_input(self, prep_res: Any) -> str:
        if not isinstance(prep_res, str):
            raise TypeError(f"a word is text, not {prep_res!r}")
        return prep_res.strip()

    def exec(self, prep_res: str) -> list[str]:
        assert self.connection is not None
        self.connection.append(prep_res)
        return list(self.connection)

    def on_error(self, shared: Shared, error: Exception) -> bool:
        shared["error"] = str(error)
        return isinstance(error, TypeError)

    def post(self, shared: Shared, prep_res: Any, exec_res: list[str]) -> str:
        shared["sent"] = exec_res
        return "sent"


def test_a_node_holds_a_resource_while_a_graph_runs_inside_its_context() -> None:
    shared: Shared = {"word": " hello "}
    with Connected() as node:
        assert Graph(start=node).run(shared) == "sent"
        assert node.run(shared) == "sent"
        assert node.run(shared | {"word": 3}) is None
    assert shared["sent"] == ["hello", "hello"]
    assert node.connection is None
