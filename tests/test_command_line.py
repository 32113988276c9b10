"""The command line: words to raw options, wrong words told with the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.help import program_help, subcommand_help
from batchmap.errors import UsageError

from batchmap_workbook.utils.cli.arguments import PROGRAM

COMMANDS = [one.name for one in PROGRAM.subcommands]


def read_command_line(words: list[str]) -> tuple[str, dict[str, Any]]:
    subcommand, options = PROGRAM.read(words)
    return subcommand.name, options


def test_positionals_may_stand_between_options() -> None:
    command, values = read_command_line(["compare", "--seed", "1", "100", "-q", "16"])
    assert command == "compare"
    assert (values["count"], values["workers_positional"], values["seed"]) == ("100", "16", "1")
    assert values["quiet"] is True
    assert values["errors_before"] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_subcommand_alone_is_enough_to_be_read(command: str) -> None:
    found_command, values = read_command_line([command])
    assert found_command == command
    assert values["errors_before"] == []


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
        (["run", "--help-all"], "no option '--help-all'; did you mean --help?"),
        (["compare", "1", "2", "3"], "one argument too many: '3'"),
        (["benchmark", "3"], "one argument too many: '3'"),
        (["benchmark", "2", "3"], "2 arguments too many, from '2' on"),
        (["compare", "--batch-size"], "--batch-size needs a value"),
        (["compare", "-j", "--seed", "1"], "-j needs a value"),
    ],
)
def test_wrong_words_are_kept_for_the_report_of_all_faults(words: list[str], fault: str) -> None:
    _, values = read_command_line(words)
    assert any(error.startswith(fault) for error in values["errors_before"])


def test_the_value_of_a_misspelled_option_is_no_input() -> None:
    words = ["run", "t.py:f", "in.txt", "--encodng", "latin-1"]
    _, values = read_command_line(words)
    assert values["errors_before"] == ["no option '--encodng'; did you mean --encoding?"]
    assert (values["source"], "more_sources" in values) == ("in.txt", False)
    _, values = read_command_line([*words, "b.txt"])
    assert values["more_sources"] == ["b.txt"]


def test_an_unknown_subcommand_names_the_near_one() -> None:
    with pytest.raises(UsageError, match=r"no subcommand 'comprae'.*did you mean compare\?"):
        read_command_line(["comprae"])


def test_the_help_names_every_subcommand() -> None:
    assert all(f"main.py {command}" in program_help(PROGRAM) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_subcommand_shows_its_options_alone_in_a_screen_and_a_half(
    command: str,
) -> None:
    subcommand = PROGRAM.subcommand(command)
    text = subcommand_help(PROGRAM, subcommand)
    flags = {flag for one in PROGRAM.subcommands for flag in one.flags()}
    shown = set(re.findall(r"(?<!\S)-{1,2}[a-z][a-z-]*", text))
    assert shown & flags == set(subcommand.flags())
    lines = text.splitlines()
    assert len(lines) <= 60  # a screen has 40
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_in_full_explains_every_option(command: str) -> None:
    subcommand = PROGRAM.subcommand(command)
    text = subcommand_help(PROGRAM, subcommand, in_full=True)
    words = " ".join(text.split())
    for row in subcommand.rows():
        assert row.is_positional or " ".join(row.help.split()) in words
    assert (f"{command} --help all" in subcommand_help(PROGRAM, subcommand)) == any(
        row.is_rare for row in subcommand.rows()
    )


def test_a_file_whose_name_begins_with_a_dash_is_told_how_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-dash.txt", "-k.txt", "b.txt"):
        (tmp_path / name).touch()
    for name in ("-dash.txt", "-k.txt"):
        _, options = PROGRAM.read(["run", "t.py:f", name])
        assert options["errors_before"] == [
            f"{name} begins as an option does; for the file, write ./{name}"
        ]
