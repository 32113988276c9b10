"""Records as mappings of their fields by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["MappingRecord", "as_mapping"]


def as_mapping(record: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a record by name; `type(record)(**mapping)` gives it back."""
    return {one.name: getattr(record, one.name) for one in fields(record)}


class MappingRecord(Mapping[str, Any]):
    """A record that is also a mapping of its fields by name, and equal to any that is the same.

    The base of dataclasses with `eq=False`: `run["workers"]`, `run.get("workers")`, `dict(run)`,
    `function(**run)` and `run | {"more": 1}`, which gives a dict, all work.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return `values` as such a record: the same object where it is one.

        Other mappings may hold more than the fields. Raises `KeyError` for a field that is missing.
        """
        if isinstance(values, cls):
            return values
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}
