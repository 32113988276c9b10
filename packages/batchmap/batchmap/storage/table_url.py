"""URLs of tables that results are written to, in SQLite files and PostgreSQL databases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from batchmap.storage.paths import NamedPath
from batchmap.storage.secrets import secret_of
from batchmap.storage.urls import StoreUrl, scheme_of

__all__ = ["DEFAULT_TABLE", "TABLE_FORM", "TableUrl", "names_table", "table_url"]

DEFAULT_TABLE = "results"

TABLE_FORM = "sqlite:///file.db?table=name or postgresql://user@host/database?table=name"

_SUFFIXES = (".db", ".sqlite", ".sqlite3")
_POSTGRESQL = ("postgresql", "postgres")
_TAKEN = ("sqlite_", "_batchmap_journal")
"""What names of tables begin with that are not a user's."""

_SCHEMES = ("sqlite", *_POSTGRESQL)


@dataclass(frozen=True, slots=True)
class TableUrl(StoreUrl):
    """A table of a database. As text it is the URL without a password."""

    table: str
    path: NamedPath | None
    """The file of SQLite; `None` for PostgreSQL."""
    server: str
    """What a client of PostgreSQL connects to, password included; empty for SQLite."""

    def __str__(self) -> str:
        # `super()` does not work here: slots make the decorator create the class anew.
        return StoreUrl.__str__(self)

    __repr__ = __str__

    @property
    def name(self) -> str:
        return self.table if self.path is None else self.path.name

    @property
    def errors_path(self) -> NamedPath:
        """Where failed items go unless another place is asked for."""
        if self.path is None:
            return NamedPath(f"{self.table}.errors.jsonl")
        table = "" if self.table == DEFAULT_TABLE else f".{self.table}"
        return self.path.beside(f"{table}.errors.jsonl")


def names_table(spec: str) -> bool:
    """Tell whether a text names a table, or is to, by its scheme or suffix."""
    scheme = scheme_of(spec)
    return spec.lower().endswith(_SUFFIXES) if scheme is None else scheme in _SCHEMES


def table_url(spec: str) -> TableUrl | None:
    """Return the table that `spec` names, `None` where it names no database.

    Raises `ValueError` for the URL of a database that names no table, and with a message for a
    name that is not free.
    """
    spec = secret_of(spec)
    scheme = scheme_of(spec)
    if not names_table(spec):
        return None
    if scheme is None:
        return TableUrl(spec, DEFAULT_TABLE, NamedPath(spec), "")
    parameters = re.findall(r"[?&]table=([^&]*)", spec)
    server = re.sub(r"(?<=[?&])table=[^&]*&?", "", spec).rstrip("?&")
    table = unquote(parameters[0]) if parameters else DEFAULT_TABLE
    if table.lower().startswith(_TAKEN):
        raise ValueError(f"tables whose names begin with {' or '.join(_TAKEN)} are not a user's")
    if len(parameters) > 1 or not table or "\0" in table or re.search(r"[?&]query=", spec):
        raise ValueError
    if scheme in _POSTGRESQL:
        return TableUrl(spec, table, None, server)
    path = unquote(server[len("sqlite:///") :])
    if not re.match(r"sqlite:///[^?]+\Z", server, re.IGNORECASE):
        raise ValueError
    return TableUrl(spec, table, NamedPath(path), "")
