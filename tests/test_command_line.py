"""The command line: words to raw options, wrong words told with the rest."""

from __future__ import annotations

import pytest
from batchmap.errors import UsageError

from workbook.utils.cli.arguments import COMMANDS, help_text, read_command_line


def test_positionals_may_stand_between_options() -> None:
    command, values = read_command_line(["compare", "--seed", "1", "100", "-q", "16"])
    assert command == "compare"
    assert (values["count"], values["workers_positional"], values["seed"]) == ("100", "16", "1")
    assert values["quiet"] is True
    assert values["faults"] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_subcommand_alone_is_enough_to_be_read(command: str) -> None:
    told, values = read_command_line([command])
    assert told == command
    assert values["faults"] == []


def test_a_lone_dash_is_a_value_and_no_option() -> None:
    _, values = read_command_line(["run", "t.py:f", "-", "-o", "-"])
    assert (values["task"], values["source"], values["output"]) == ("t.py:f", "-", "-")


def test_a_negative_number_is_a_value_and_no_option() -> None:
    _, values = read_command_line(["compare", "-5", "--latency", "-1"])
    assert (values["count"], values["latency_s"]) == ("-5", "-1")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["compare", "--sed", "1"], "no option '--sed'; did you mean --seed?"),
        (["compare", "1", "2", "3"], "one argument too many: '3'"),
        (["benchmark", "3"], "one argument too many: '3'"),
        (
            ["run", "a.py:f", "1.txt", "2.txt", "3.txt"],
            "2 arguments too many, from '2.txt' on; a pat",
        ),
        (["compare", "--batch-size"], "--batch-size needs a value"),
        (["compare", "-j", "--seed", "1"], "-j needs a value"),
    ],
)
def test_wrong_words_are_kept_for_the_report_of_all_faults(words: list[str], fault: str) -> None:
    _, values = read_command_line(words)
    assert any(told.startswith(fault) for told in values["faults"])


def test_an_unknown_subcommand_names_the_near_one() -> None:
    with pytest.raises(UsageError, match=r"no subcommand 'comprae'.*did you mean compare\?"):
        read_command_line(["comprae"])


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_is_a_command(words: list[str]) -> None:
    assert read_command_line(words) == ("help", {})


def test_the_help_names_every_subcommand() -> None:
    assert all(f"main.py {command}" in help_text() for command in COMMANDS)
