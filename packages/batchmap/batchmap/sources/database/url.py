"""URLs of databases: the connection, the query, and the password that no message may show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from batchmap.errors import InputError, UsageError

__all__ = ["PostgresqlUrl", "column_names", "parse_postgresql", "parse_sqlite"]

SQLITE_FORM = "sqlite:///file.db?query=SELECT id, name FROM items"
POSTGRESQL_FORM = "postgresql://user@host:5432/database?query=SELECT id, name FROM items"

_HOST = r"(?:\[[^\]]*\]|[^:@/?#\[\],]*)(?::\d*)?"
_SERVER = re.compile(
    rf"(?P<scheme>postgres|postgresql)://"
    rf"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    rf"(?P<server>{_HOST}(?:,{_HOST})*(?:/[^@/?#]*)?)"
    rf"(?:\?(?P<settings>[^=&?#]+=[^&]*(?:&[^=&?#]+=[^&]*)*))?"
)


@dataclass(frozen=True, slots=True)
class PostgresqlUrl:
    """The parts of a PostgreSQL URL."""

    name: str
    """The server, user and database, for messages."""
    connection: str = field(repr=False)
    """What libpq connects to, password included."""
    settings: tuple[str, ...]
    """The names of the URL's other parameters."""
    query: str
    secrets: tuple[str, ...] = field(repr=False)
    """The password in all its spellings, the longest first."""

    def without_secrets(self, message: str) -> str:
        """Return a message with asterisks in place of the password."""
        for secret in self.secrets:
            message = message.replace(secret, "***")
        return message


def parse_sqlite(url: str) -> tuple[Path, str]:
    """Return the file and the query of an SQLite URL; raises `UsageError` for a wrong one."""
    location, separator, query = url.partition("?query=")
    path = location.removeprefix("sqlite:///")
    if location == path or not path or not query.strip():
        missing = "" if separator else "the query is missing; "
        raise UsageError(f"{url!r:.120} cannot be read; {missing}write it as {SQLITE_FORM}")
    file = _local_file(path)
    if "?" in path and not _exists(file):
        name, _, rest = path.partition("?")
        raise UsageError(
            f"there is no file {path:.120}; if sqlite:///{name:.120} is meant, leave out "
            f"?{rest:.60}, and write it as {SQLITE_FORM}"
        )
    return file, _decoded(query)


def _local_file(path: str) -> Path:
    """Return the path that a URL names: as it is spelled where there is such a file, or decoded."""
    spelled, decoded = Path(path), Path(unquote(path))
    return decoded if _exists(decoded) and not _exists(spelled) else spelled


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def parse_postgresql(url: str) -> PostgresqlUrl:
    """Return the parts of a URL; raises `UsageError` for a wrong one, without showing it."""
    server, *rest = re.split(r"[?&]query=", url, maxsplit=1)
    query = rest[0] if rest else ""
    if "&" in query and not _is_plain(query):  # it is encoded, so `&` ends it
        query, _, more = query.partition("&")
        server += ("&" if "?" in server else "?") + more
    found = _SERVER.fullmatch(server)
    if found is None:
        raise UsageError(
            f"the PostgreSQL URL cannot be read; write it as {POSTGRESQL_FORM}, with @ / : ? # "
            "in user, password or database as %40 %2F %3A %3F %23"
        )
    user = f"{found['user']}@" if found["user"] else ""
    name = f"postgresql://{user}{found['server']}"
    if not query.strip():
        raise UsageError(f"{name} has no query; write it as {POSTGRESQL_FORM}")
    settings = dict(pair.split("=", 1) for pair in (found["settings"] or "").split("&") if pair)
    hidden = [value for key, value in settings.items() if "password" in key.lower()]
    hidden += [found["password"] or ""]
    secrets = {spelling for value in hidden for spelling in (value, unquote(value)) if spelling}
    return PostgresqlUrl(
        name=name,
        connection=server,
        settings=tuple(settings),
        query=_decoded(query),
        secrets=tuple(sorted(secrets, key=len, reverse=True)),
    )


def column_names(description: Sequence[Any] | None, name: str) -> list[str]:
    """Return the names of a query's columns; raises `InputError` unless they can be keys."""
    if description is None:
        raise InputError(f"{name}: the query gives no rows; write a SELECT")
    columns = [str(column[0]) for column in description]
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise InputError(
            f"{name}: two columns are named {twice[0]!r:.60}; "
            "tell them apart in the query: SELECT a.id AS a_id, b.id AS b_id"
        )
    return columns


def _decoded(query: str) -> str:
    # In plain SQL, LIKE '%ab%' is no encoding of anything.
    return query if _is_plain(query) else unquote(query)


def _is_plain(query: str) -> bool:
    """Tell whether SQL is written as such, with blanks, and not encoded for a URL."""
    return re.search(r"\s", query.strip()) is not None
