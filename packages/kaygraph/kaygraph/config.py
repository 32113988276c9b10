"""The settings that a node or a graph carries: named values, merged by overlay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Config"]


class Config:
    """Hold named values; truthy when it holds any."""

    def __init__(self, /, **values: Any) -> None:
        self._values: dict[str, Any] = values

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of `key`, or `default` when there is none."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set one value."""
        self._values[key] = value

    def update(self, /, **values: Any) -> None:
        """Set several values at once."""
        self._values.update(values)

    def merge(self, other: Config | Mapping[str, Any] | None) -> Config:
        """Return a new config of both; where both hold a key, `other` wins. `None` adds nothing."""
        overlay = other._values if isinstance(other, Config) else other or {}
        return Config(**{**self._values, **overlay})

    def to_dict(self) -> dict[str, Any]:
        """Return a copy of the values as a dict."""
        return dict(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"Config({', '.join(sorted(self._values))})"
