"""The chapter of a report on what its figures depend on: settings and machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...analysis.aggregates import gibibytes
from ..contents import ReportContents
from .model import Block, Chapter, Fold, Paragraph, Section, Table

__all__ = ["conditions_chapter"]

MACHINE_LABELS = {
    "usable_cores": "Usable cores",
    "logical_cores": "Logical cores",
    "memory_bytes": "Memory",
    "python": "Python",
    "implementation": "Implementation",
    "system": "System",
    "architecture": "Architecture",
}


def conditions_chapter(contents: ReportContents) -> Chapter:
    """Return the settings that are not as by default, the others to be opened, and the machine."""
    sections = (
        Section("Settings", tuple(_settings(contents))),
        Section("Machine", tuple(_machine(contents.machine))),
    )
    shown = tuple(section for section in sections if section.blocks)
    return Chapter("conditions", "Conditions", "", shown)


def _settings(contents: ReportContents) -> list[Block]:
    changed: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for name, value in contents.settings.items():
        row = (_label(name), _value(value))
        (changed if name in contents.changed else others).append(row)
    blocks: list[Block] = []
    if changed:
        blocks.append(_pairs_table("Settings", changed))
    elif others:
        blocks.append(Paragraph("All are as by default."))
    if others:
        title = f"{len(others)} {'more' if changed else 'of them'}, by default"
        blocks.append(Fold(title, _pairs_table("By default", others)))
    return blocks


def _machine(machine: Mapping[str, Any]) -> list[Block]:
    rows = [
        (MACHINE_LABELS.get(name, _label(name)), _machine_value(name, value))
        for name, value in machine.items()
    ]
    return [_pairs_table("Machine", rows)] if rows else []


def _pairs_table(caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    return Table(caption, ("Name", "Value"), tuple(rows), "lw")


def _label(name: str) -> str:
    words = name.removesuffix("_s").replace("_", " ").capitalize()
    return f"{words} (s)" if name.endswith("_s") else words


def _machine_value(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{gibibytes(value):.1f} GiB"
    return _value(value)


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_value(one)}" for name, one in value.items()) or "none"
    return str(value)
