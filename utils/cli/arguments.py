"""The subcommands and their options: words to raw values, checked later by `Settings.of`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from batchmap.command.run_settings import RECORDS
from batchmap.command.settings import BACKENDS, LOG_LEVELS
from batchmap.errors import UsageError
from batchmap.storage import INPUT_FORMATS, OUTPUT_FORMATS
from batchmap.text import near_names

from .settings import DATA_TYPES, SUITES, WORKLOAD_NAMES

__all__ = ["COMMANDS", "help_text", "options_of", "read_command_line"]

COMMANDS = {
    "compare": "run the items one after another, then in parallel, and report the gain",
    "parallel": "run the items in parallel only",
    "benchmark": "run the built-in scenarios and recommend backend, workers and batch size",
    "run": "run your function over your data",
}

_POSITIONALS = {
    "compare": {"count": "[COUNT=100]", "workers_positional": "[WORKERS]"},
    "parallel": {"count": "[COUNT=1000]", "workers_positional": "[WORKERS]"},
    "benchmark": {},
    "run": {"task": "TASK", "source": "[INPUT]"},
}

_EPILOGS = {
    "compare": "COUNT is how many items to take. WORKERS is the same as --workers.",
    "parallel": "COUNT is how many items to take. WORKERS is the same as --workers.",
    "benchmark": None,
    "run": "TASK is file.py:function or package.module:function. INPUT is a path, a quoted glob, "
    "a URL of either (s3://, https://, ...), a database's URL with ?query=, or - for standard "
    "input (the default when it is piped).",
}


def read_command_line(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the subcommand and its options as given; `help` stands for a call for help.

    What makes no sense but leaves the rest readable is handed on under `faults`, to be reported
    with the faults of the values. Raises `UsageError` where nothing can be made of the words.
    `SUBCOMMAND --help` prints and exits.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        return "help", {}
    command = words[0]
    if command not in COMMANDS:
        kind = "option" if command.startswith("-") else "subcommand"
        hint = near_names(command, tuple(COMMANDS)) or "; --help shows how to use them"
        raise UsageError(f"no {kind} {command!r}; subcommands are {', '.join(COMMANDS)}{hint}")
    parser = _parser(command)
    words, plain = _split_at_dashes(words[1:])
    words, messages = _without_lonely_options(words, parser)
    options, rest = parser.parse_known_args(words)
    values = vars(options)
    names = list(_POSITIONALS[command])
    extra: list[str] = []
    too_many_at = 0
    for word in [*rest, *plain]:
        if word not in plain and _looks_like_option(word):
            messages.append(_unknown_option(word, parser))
        elif names:
            values[names.pop(0)] = word
        else:
            too_many_at = too_many_at if extra else len(messages)
            extra.append(word)
    if extra:
        messages.insert(too_many_at, _too_many(extra, command, parser))
    return command, {**values, "faults": messages}


def _too_many(extra: Sequence[str], command: str, parser: _Parser) -> str:
    if len(extra) == 1:
        told = f"one argument too many: {extra[0]!r}"
    else:
        told = f"{len(extra)} arguments too many, from {extra[0]!r} on"
        if command == "run":  # the shell has put the files of a pattern in its place
            told += "; a pattern as INPUT needs quotes"
    return f"{told}; {parser.prog} --help shows the usage"


def help_text() -> str:
    """Return the help of the whole command."""
    lines = [
        line
        for name, text in COMMANDS.items()
        for line in (f"python main.py {_usage(name)}", f"    {text}")
    ]
    return "\n".join(
        [
            "Run Python functions over piles of data in parallel, and see what it gains.",
            "",
            *lines,
            "",
            "python main.py SUBCOMMAND --help shows the options of one.",
            "",
        ]
    )


def options_of(command: str) -> list[str]:
    """Return every option of a subcommand, long and short."""
    return _parser(command).all_options


class _Parser(argparse.ArgumentParser):
    @property
    def all_options(self) -> list[str]:
        return [word for action in self._actions for word in action.option_strings]

    @property
    def valued_options(self) -> list[str]:
        return [
            word
            for action in self._actions
            for word in action.option_strings
            if action.nargs is None
        ]

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help shows the usage")


def _usage(command: str) -> str:
    words = [command, *_POSITIONALS[command].values(), "[OPTION ...]"]
    return " ".join(words)


def _parser(command: str) -> _Parser:
    parser = _Parser(
        prog=f"main.py {command}",
        usage=f"python main.py {_usage(command)}",
        description=f"{COMMANDS[command].capitalize()}.",
        epilog=_EPILOGS[command],
        allow_abbrev=False,
    )
    _add_options(parser, command)
    return parser


def _add_options(parser: _Parser, command: str) -> None:
    _add_engine_options(parser, "by measuring" if command == "run" else "by workload")
    if command == "run":
        _add_run_options(parser)
    else:
        _add_demonstration_options(parser, command)
    add = parser.add_argument
    add("--export-json", metavar="FILE", help="write the report to FILE as JSON, too")
    add("--export-markdown", metavar="FILE", help="write the report to FILE as Markdown, too")
    add("--export-html", metavar="FILE",
        help="write the report to FILE as a page with charts, too")  # fmt: skip
    add("-q", "--quiet", action="store_true", help="print the report and errors only")
    add("--no-progress", dest="progress", action="store_false", help="show no progress")
    add("--log-level", metavar="|".join(LOG_LEVELS), help="what to log (default: warning)")


def _add_engine_options(parser: _Parser, default: str) -> None:
    add = parser.add_argument
    add("-j", "--workers", metavar="N|N%|auto",
        help=f"workers, or a percentage of the usable cores (default: {default})")  # fmt: skip
    add("--backend", metavar="|".join(BACKENDS),
        help=f"how to run; auto measures (default: {default})")  # fmt: skip
    add("--batch-size", metavar="N|auto", help="items in a batch (default: chosen)")
    add("--retries", metavar="N", help="retries after the first attempt (default: 0)")
    add("--timeout", dest="timeout_s", metavar="S",
        help="time limit of an item: 10, 10s, 5m (default: none)")  # fmt: skip
    add("--rate", metavar="N", help="start at most N items a second (default: no limit)")


def _add_demonstration_options(parser: _Parser, command: str) -> None:
    add = parser.add_argument
    add("--seed", metavar="N", help="what the items and failures follow from (default: 0)")
    if command != "parallel":
        _add_comparison_options(parser)
    if command == "benchmark":
        _add_benchmark_options(parser)
    else:
        add("--workload", metavar="|".join(WORKLOAD_NAMES), help="what to do (default: io)")
        add("--data", metavar="|".join(DATA_TYPES), help="what items to make (default: what fits)")
        add("--input", metavar="INPUT",
            help="a file whose lines are the items, with --task what run takes; COUNT limits them",
            )  # fmt: skip
    add("--latency", dest="latency_s", metavar="S",
        help="mean wait of a simulated request in seconds; others scale with it (default: 0.5)",
        )  # fmt: skip
    add("--failure-rate", metavar="F", help="share of items that fail on purpose (default: 0.05)")


def _add_comparison_options(parser: _Parser) -> None:
    add = parser.add_argument
    add("--task", metavar="TASK",
        help="your own function, file.py:function, over the items of --input")  # fmt: skip
    _add_task_options(parser)
    add("--repeat", metavar="N", help="run each side N times, in turn (default: 1)")
    add("--tolerance", metavar="T",
        help="floats that differ by T, or that share of them, are equal (default: 0)")  # fmt: skip


def _add_task_options(parser: _Parser) -> None:
    add = parser.add_argument
    add("--input-format", metavar="|".join(INPUT_FORMATS), help="when the suffix does not tell")
    add("--setup", metavar="NAME",
        help="call this function of the task's module once in each worker")  # fmt: skip


def _add_benchmark_options(parser: _Parser) -> None:
    add = parser.add_argument
    add("--quick", action="store_true", help="cut waits to a tenth, real work to a quarter")
    add("--input", metavar="INPUT", help="where the items of --task are, as with run")
    add("--sweep", metavar="1,2,4,8", help="worker counts to try in every scenario")
    add("--suite", metavar="|".join(SUITES),
        help="simulated waits, or real work on this machine (default: simulated)")  # fmt: skip
    add("--save", metavar="FILE", help="keep the figures in FILE")
    add("--against", metavar="FILE", help="compare with figures that were kept")


def _add_run_options(parser: _Parser) -> None:
    add = parser.add_argument
    add("-o", "--output", metavar="FILE|-",
        help="where results go: .jsonl, .csv or .parquet; - is stdout (default: -)")  # fmt: skip
    _add_task_options(parser)
    add("--output-format", metavar="|".join(OUTPUT_FORMATS), help="when the suffix does not tell")
    add("--record", metavar="|".join(RECORDS),
        help="what a line of JSON holds: index, item and result, or the result alone "
        "(default: full)")  # fmt: skip
    add("--errors", metavar="FILE", help="where failed items go (default: OUTPUT.errors.jsonl)")
    add("-k", "--keep-order", action="store_true", help="write results in the input's order")
    add("--resume", action="store_true", help="go on with the output where a run ended")
    add("--retry-failed", action="store_true", help="resume, and take the failed items again")
    add("--overwrite", action="store_true", help="drop the output that is there, begin anew")
    add("--accept-changes", action="store_true",
        help="resume although input, task or options have changed")  # fmt: skip
    add("--halt", metavar="N|N%", help="stop once so many items have failed (default: never)")
    add("--limit", metavar="N", help="take the first N items only")
    add("--dry-run", action="store_true", help="measure, print the plan, run nothing more")
    add("--address", metavar="HOST:PORT",
        help="a Dask scheduler, for --backend dask (default: a local cluster)")  # fmt: skip
    add("--tls-ca-file", metavar="FILE",
        help="the authority that signed the certificates of the cluster at --address")  # fmt: skip
    add("--tls-cert", metavar="FILE", help="our certificate for that cluster")
    add("--tls-key", metavar="FILE", help="the certificate's private key")
    add("--memory-floor", metavar="SIZE",
        help="take no more items while less memory is free: 500M, 2G (default: none)")  # fmt: skip
    add("--defuse-formulas", action="store_true",
        help="write CSV cells that begin with =, +, - or @ as text")  # fmt: skip


def _split_at_dashes(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the words before `--` and those after it, which are no options."""
    if "--" not in words:
        return words, ()
    at = list(words).index("--")
    return words[:at], words[at + 1 :]


def _without_lonely_options(
    words: Sequence[str], parser: _Parser
) -> tuple[Sequence[str], list[str]]:
    """Take out the options that lack their value, so that the other faults are found, too."""
    kept: list[str] = []
    messages: list[str] = []
    for word, following in zip(words, [*words[1:], "--"], strict=False):
        if word in parser.valued_options and _looks_like_option(following):
            messages.append(f"{word} needs a value; {parser.prog} --help shows which")
        else:
            kept.append(word)
    return kept, messages


def _looks_like_option(word: str) -> bool:
    return word.startswith("-") and word != "-" and not word[1:2].isdigit()


def _unknown_option(word: str, parser: _Parser) -> str:
    name = word.partition("=")[0]
    hint = near_names(name, parser.all_options) or f"; {parser.prog} --help shows what there is"
    return f"no option {name!r}{hint}"
