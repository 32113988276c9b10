"""A graph's wiring as Mermaid text."""

from __future__ import annotations

from kaygraph import BaseNode, Graph, Node


def named(name: str) -> Node:
    return Node(node_id=name)


def nested(start: BaseNode | None, name: str) -> Graph:
    graph = Graph(start)
    graph.node_id = name
    return graph


def test_nodes_arrows_action_labels_and_loops_are_drawn() -> None:
    load, check, report = named("load"), named("check"), named("report")
    load >> check
    check - "again" >> load
    check - "retry" >> check
    check >> report
    assert Graph(load).to_mermaid() == (
        "graph TD\n"
        '    load["load"]\n'
        '    check["check"]\n'
        '    report["report"]\n'
        "    load --> check\n"
        '    check -->|"again"| load\n'
        '    check -->|"retry"| check\n'
        "    check --> report\n"
    )


def test_a_nested_graph_is_a_subgraph_with_its_nodes() -> None:
    first, inner_first = named("first"), named("inner_first")
    inner_first - "on" >> named("inner_last")
    inner = nested(inner_first, "inner")
    outer = nested(inner, "outer")
    first >> outer
    outer - "failed" >> first
    assert Graph(first).to_mermaid() == (
        "graph TD\n"
        '    first["first"]\n'
        '    subgraph outer["outer"]\n'
        '        subgraph inner["inner"]\n'
        '            inner_first["inner_first"]\n'
        '            inner_last["inner_last"]\n'
        '            inner_first -->|"on"| inner_last\n'
        "        end\n"
        "    end\n"
        "    first --> outer\n"
        '    outer -->|"failed"| first\n'
    )


def test_an_empty_graph_has_no_lines_and_is_drawn_as_a_node_where_it_is_nested() -> None:
    assert Graph().to_mermaid() == "graph TD\n"
    assert Graph(named("a")).to_mermaid() == 'graph TD\n    a["a"]\n'
    a = named("a")
    a >> nested(None, "empty")
    assert Graph(a).to_mermaid() == ('graph TD\n    a["a"]\n    empty["empty"]\n    a --> empty\n')


def test_ids_that_cannot_name_a_node_are_in_its_label_only() -> None:
    first = named("load the file")
    first >> named("end") >> named("größe") >> named("n2") >> named("_1")
    assert Graph(first).to_mermaid() == (
        "graph TD\n"
        '    _1["load the file"]\n'
        '    _2["end"]\n'
        '    _3["größe"]\n'
        '    n2["n2"]\n'
        '    _5["_1"]\n'
        "    _1 --> _2\n"
        "    _2 --> _3\n"
        "    _3 --> n2\n"
        "    n2 --> _5\n"
    )


def test_two_nodes_of_the_same_id_stay_two() -> None:
    first = named("Twin")
    first >> named("Twin")
    assert Graph(first).to_mermaid() == (
        'graph TD\n    Twin["Twin"]\n    _2["Twin"]\n    Twin --> _2\n'
    )


def test_text_that_mermaid_would_read_as_markup_is_written_in_codes() -> None:
    node = named('say "hi" & <go>\n#1; `now`')
    node - 'an "action"' >> node
    assert Graph(node).to_mermaid() == (
        "graph TD\n"
        '    _1["say #34;hi#34; #38; #60;go#62;#10;#35;1; #96;now#96;"]\n'
        '    _1 -->|"an #34;action#34;"| _1\n'
    )


def test_a_node_that_two_graphs_share_is_drawn_once() -> None:
    shared = named("shared")
    shared >> named("last")
    first = named("first")
    first >> nested(shared, "inner")
    first - "short" >> shared
    text = Graph(first).to_mermaid()
    assert text.count('shared["shared"]') == 1
    assert text.count("shared --> last") == 1
    assert text.count('first -->|"short"| shared') == 1
