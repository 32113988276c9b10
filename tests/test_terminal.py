"""The terminal: plain where nobody looks on, and never steered by data."""

from __future__ import annotations

import sys

import pytest
from batchmap.command.terminal import is_plain
from batchmap.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ✓ text", "plain ✓ text"),
        ("two\nlines\r\n\tand more", "two lines   and more"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\x07 nul\x00", "bell\\x07 nul\\x00"),
        ("right\u202eto left", "right\\x202eto left"),
        ("lone \udcff byte", "lone \\xdcff byte"),
        ("no-break\u00a0space", "no-break space"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert printable(text) == shown


class Terminal:
    @staticmethod
    def isatty() -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"TERM": "xterm"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, False),
        ({"TERM": "dumb"}, True),
        ({}, True),
    ],
)
def test_style_needs_a_terminal_that_can_show_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], plain: bool
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert is_plain() is plain
