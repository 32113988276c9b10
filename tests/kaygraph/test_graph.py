"""Graphs: which node runs after which, and with what params and config."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
from kaygraph import AsyncGraph, BaseNode, BatchGraph, Config, Graph, Node


class Step(Node):
    """Append its name to `shared["path"]` and return the action it was built with."""

    def __init__(self, name: str, action: Any = None, **options: Any) -> None:
        super().__init__(node_id=name, **options)
        self.action = action

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared.setdefault("path", []).append(self.node_id)
        return self.action


class Look(Node):
    """Append what it sees of its params and its config to the shared store."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared.setdefault("params", []).append(dict(self.params))
        shared.setdefault("config", []).append(self.config.to_dict())


def path_of(graph: Graph) -> list[str]:
    shared: dict[str, Any] = {}
    graph.run(shared)
    path: list[str] = shared["path"]
    return path


def test_start_sets_and_returns_the_first_node() -> None:
    node, graph = Node(), Graph()
    assert graph.start_node is None
    assert graph.start(node) is node
    assert graph.start_node is node
    assert Graph(node).start_node is node
    assert Graph(start=node).start_node is node


def test_the_first_node_may_be_given_by_keyword() -> None:
    node, graph = Node(), Graph()
    assert graph.start(start=node) is node
    assert graph.start_node is node


def test_a_graph_is_a_node_with_its_own_config() -> None:
    config = Config(depth=1)
    graph = Graph(Node(), config)
    assert isinstance(graph, BaseNode)
    assert graph.config is config


def test_a_graph_follows_the_actions_and_ends_silently_at_a_node_without_successors() -> None:
    a, b, c, d = Step("a", "right"), Step("b"), Step("c"), Step("d", "never asked for")
    a >> b
    a - "right" >> c >> d
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert path_of(Graph(a)) == ["a", "c", "d"]
    assert caught == []


def test_no_action_is_the_default_action() -> None:
    a, b = Step("a", None), Step("b", "default")
    a >> b >> Step("c")
    assert path_of(Graph(a)) == ["a", "b", "c"]


def test_an_action_that_names_no_successor_ends_the_graph_with_a_warning() -> None:
    a = Step("a", "up")
    a >> Step("b")
    a - "down" >> Step("c")
    message = r"^Graph ends: 'up' not found in \['default', 'down'\]$"
    with pytest.warns(UserWarning, match=message):
        assert Graph(a).run({}) == "up"


def test_a_missing_default_successor_is_warned_of_by_that_name() -> None:
    a = Step("a")
    a - "down" >> Step("c")
    with pytest.warns(UserWarning, match=r"^Graph ends: 'default' not found in \['down'\]$"):
        assert Graph(a).run({}) is None


def test_get_next_node_gives_the_successor_or_none() -> None:
    a, b, c = Node(), Node(), Node()
    a >> b
    a - "other" >> c
    graph = Graph(a)
    assert graph.get_next_node(a, None) is b
    assert graph.get_next_node(a, "default") is b
    assert graph.get_next_node(a, "other") is c
    assert graph.get_next_node(b, "other") is None
    with pytest.warns(UserWarning, match="'unknown'"):
        assert graph.get_next_node(a, "unknown") is None


def test_a_loop_of_many_rounds_runs_to_its_end() -> None:
    class Count(Node):
        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["count"] += 1
            return "again" if shared["count"] < 10_000 else "enough"

    count, between = Count(), Node()
    count - "again" >> between >> count
    count - "enough" >> Step("end", "over")
    shared: dict[str, Any] = {"count": 0}
    assert Graph(count).run(shared) == "over"
    assert shared == {"count": 10_000, "path": ["end"]}


def test_a_graph_runs_prep_then_the_nodes_then_post_with_the_last_action() -> None:
    class WithSteps(Graph):
        def prep(self, shared: dict[str, Any]) -> Any:
            shared["path"] = ["prep"]
            return "prepared"

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["path"] += ["post", prep_res, exec_res]
            return "action of the graph"

    a = Step("a")
    a >> Step("b", "last action")
    shared: dict[str, Any] = {}
    assert WithSteps(a).run(shared) == "action of the graph"
    assert shared["path"] == ["prep", "a", "b", "post", "prepared", "last action"]


def test_a_graph_returns_the_last_action_by_default() -> None:
    a = Step("a")
    a >> Step("b", "last action")
    assert Graph(a).run({}) == "last action"


def test_a_shallow_copy_of_each_node_runs() -> None:
    class Remember(Node):
        def __init__(self) -> None:
            super().__init__()
            self.notes: list[str] = []
            self.rounds = 0

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.rounds += 1
            self.notes.append("ran")
            shared.setdefault("copies", []).append(self)
            return "again" if len(shared["copies"]) < 3 else "enough"

    node = Remember()
    node - "again" >> node
    node - "enough" >> Node()
    shared: dict[str, Any] = {}
    Graph(node).run(shared)
    assert [copied.rounds for copied in shared["copies"]] == [1, 1, 1]
    assert node.rounds == 0
    assert node.notes == ["ran", "ran", "ran"]
    assert node not in shared["copies"]


def test_context_notes_of_the_copies_are_readable_on_the_node_that_was_built() -> None:
    class Note(Node):
        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.set_context("rounds", self.get_context("rounds", 0) + 1)

    node = Note()
    graph = Graph(node)
    graph.run({})
    graph.run({})
    assert node.get_context("rounds") == 2


def test_the_params_of_the_graph_overlay_those_of_the_node() -> None:
    node, other = Look(), Look()
    node >> other
    node.set_params({"own": 1, "both": 1})
    graph = Graph(node)
    graph.set_params({"both": 2, "graph": 2})
    shared: dict[str, Any] = {}
    graph.run(shared)
    assert shared["params"] == [{"own": 1, "both": 2, "graph": 2}, {"both": 2, "graph": 2}]
    assert node.params == {"own": 1, "both": 1}
    assert other.params == {}


@pytest.mark.parametrize("kind", [Graph, AsyncGraph])
def test_a_graph_hands_params_on_through_set_params_which_a_node_may_override(kind: Any) -> None:
    class Halves(Look):
        def set_params(self, params: dict[str, Any]) -> None:
            super().set_params({name: value / 2 for name, value in params.items()})

    node = Halves()
    node.set_params({"own": 8})
    graph = kind(node)
    shared: dict[str, Any] = {}
    graph.set_params({"size": 20})
    graph.run(shared)
    assert shared["params"] == [{"own": 2, "size": 10}]
    assert node.params == {"own": 4}
    assert graph.params == {"size": 20}


@pytest.mark.parametrize("kind", [Graph, AsyncGraph])
def test_set_params_of_a_node_is_called_on_its_copy_even_without_params(kind: Any) -> None:
    class Counts(Look):
        calls = 0

        def set_params(self, params: dict[str, Any]) -> None:
            super().set_params(params)
            self.calls += 1

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["calls"] = self.calls

    node = Counts()
    shared: dict[str, Any] = {}
    kind(node).run(shared)
    assert (shared["calls"], node.calls) == (1, 0)


def test_get_next_node_is_given_the_copy_that_ran() -> None:
    class Marks(Node):
        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.mark = "made in post"
            return "onward"

    class Looks(Graph):
        def get_next_node(self, current: BaseNode, action: Any) -> BaseNode | None:
            given.append((current, action))
            return super().get_next_node(current, action)

    given: list[tuple[Any, Any]] = []
    node = Marks()
    Looks(node).run({})
    [(current, action)] = given
    assert current is not node
    assert (current.mark, action) == ("made in post", "onward")


def test_successors_that_post_sets_on_the_copy_are_followed() -> None:
    class Rewires(Step):
        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.successors = {"default": Step("other")}
            return super().post(shared, prep_res, exec_res)

    node, wired = Rewires("a"), Step("wired")
    node >> wired
    assert path_of(Graph(node)) == ["a", "other"]
    assert node.successors == {"default": wired}


class Slotted(Node):
    __slots__ = ("__hidden", "name", "unset")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.__hidden = [name]

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared.setdefault("path", []).append((self.name, self.__hidden, hasattr(self, "unset")))
        self.name = "changed"


class AlsoSlotted(Slotted):
    __slots__ = ("more",)


@pytest.mark.parametrize("kind", [Slotted, AlsoSlotted])
def test_a_node_with_slots_survives_a_graph(kind: type[Slotted]) -> None:
    node = kind("a")
    node >> kind("b")
    shared: dict[str, Any] = {}
    Graph(node).run(shared)
    assert shared["path"] == [("a", ["a"], False), ("b", ["b"], False)]
    assert node.name == "a"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda node: pickle.loads(pickle.dumps(node))])
@pytest.mark.parametrize("kind", [Slotted, AlsoSlotted])
def test_a_node_with_slots_is_copied_deeply_and_pickles(copied: Any, kind: type[Slotted]) -> None:
    shared: dict[str, Any] = {}
    copied(kind("a")).run(shared)
    assert shared["path"] == [("a", ["a"], False)]


def test_params_of_a_node_survive_a_graph_without_params() -> None:
    node = Look()
    node.set_params({"own": 1})
    shared: dict[str, Any] = {}
    graph = Graph(node)
    graph.run(shared)
    graph.run(shared)
    assert shared["params"] == [{"own": 1}, {"own": 1}]


def test_params_reach_the_nodes_of_a_nested_graph() -> None:
    inner = Graph(Look())
    inner.set_params({"inner": 1, "both": 1})
    outer = Graph(inner)
    outer.set_params({"outer": 2, "both": 2})
    shared: dict[str, Any] = {}
    outer.run(shared)
    assert shared["params"] == [{"inner": 1, "both": 2, "outer": 2}]


def test_the_config_of_the_graph_goes_to_a_node_whose_own_is_empty() -> None:
    plain, own = Look(), Look(config=Config(depth=2))
    plain >> own >> Graph(Look())
    shared: dict[str, Any] = {}
    Graph(plain, Config(depth=1)).run(shared)
    assert shared["config"] == [{"depth": 1}, {"depth": 2}, {"depth": 1}]
    assert not plain.config


def test_graphs_nest_and_the_action_of_the_inner_picks_the_successor() -> None:
    inner_start = Step("inner start")
    inner_start >> Step("inner end", "left")
    inner = Graph(inner_start)
    first = Step("first")
    first >> inner
    inner >> Step("not here")
    inner - "left" >> Step("last")
    assert path_of(Graph(first)) == ["first", "inner start", "inner end", "last"]


def test_a_graph_that_runs_alone_warns_that_its_successors_will_not_run() -> None:
    graph = Graph(Step("a"))
    graph >> Step("b")
    with pytest.warns(UserWarning, match="its successors will not run"):
        assert path_of(graph) == ["a"]


def test_nodes_inside_a_graph_run_without_that_warning() -> None:
    a = Step("a")
    a >> Step("b")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Graph(a).run({})
    assert caught == []


def test_a_graph_without_a_start_node_warns_and_runs_nothing() -> None:
    with pytest.warns(UserWarning, match="has no start node: nothing runs") as caught:
        assert Graph().run({}) is None
    assert [warning.filename for warning in caught] == [__file__]


class Breaks(Node):
    def exec(self, prep_res: Any) -> Any:
        raise LookupError("broken")


def test_a_node_that_swallows_its_error_is_followed_by_the_default_successor() -> None:
    class Swallows(Breaks):
        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            return True

    node = Swallows()
    node >> Step("next")
    assert path_of(Graph(node)) == ["next"]


def test_an_error_of_a_node_ends_the_graph_and_is_raised() -> None:
    node, never = Breaks(), Step("never")
    node >> never
    shared: dict[str, Any] = {}
    with pytest.raises(LookupError, match="broken"):
        Graph(node).run(shared)
    assert shared == {}


def test_a_graph_has_the_hooks_of_a_node() -> None:
    class Hooked(Graph):
        def before_prep(self, shared: dict[str, Any]) -> None:
            shared["path"] = ["before_prep"]

        def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
            shared["path"].append(f"after_exec: {exec_res}")

        def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
            shared["path"].append(f"on_error: {error}")
            return True

    assert path_of(Hooked(Step("a", "left"))) == ["before_prep", "a", "after_exec: left"]
    assert path_of(Hooked(Breaks())) == ["before_prep", "on_error: broken"]


class Thrice(BatchGraph):
    def prep(self, shared: dict[str, Any]) -> Any:
        return [{"number": number} for number in range(3)]


def test_a_batch_graph_runs_whole_once_for_each_param_dict() -> None:
    a = Look()
    a >> Step("end")
    graph = Thrice(a)
    graph.set_params({"number": "overlaid", "kept": True})
    shared: dict[str, Any] = {}
    assert graph.run(shared) is None
    assert shared["params"] == [{"number": number, "kept": True} for number in range(3)]
    assert shared["path"] == ["end", "end", "end"]


def test_a_batch_graph_hands_its_list_to_post() -> None:
    class Posts(Thrice):
        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["given"] = (prep_res, exec_res)
            return "all done"

    shared: dict[str, Any] = {}
    assert Posts(Look()).run(shared) == "all done"
    assert shared["given"] == ([{"number": 0}, {"number": 1}, {"number": 2}], None)


@pytest.mark.parametrize("param_dicts", [None, [], (), False])
def test_a_batch_graph_without_param_dicts_runs_nothing_and_gives_post_an_empty_list(
    param_dicts: Any,
) -> None:
    class Empty(BatchGraph):
        def prep(self, shared: dict[str, Any]) -> Any:
            return param_dicts

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["given"] = (prep_res, exec_res)

    shared: dict[str, Any] = {}
    assert Empty(Look()).run(shared) is None
    assert shared == {"given": ([], None)}


def test_batch_graphs_nest_and_their_params_add_up() -> None:
    class Twice(BatchGraph):
        def prep(self, shared: dict[str, Any]) -> Any:
            return [{"letter": letter} for letter in "ab"]

    shared: dict[str, Any] = {}
    Thrice(Twice(Look())).run(shared)
    assert shared["params"] == [
        {"number": number, "letter": letter} for number in range(3) for letter in "ab"
    ]
