"""Passwords and tokens, most in URLs: the types that hold them, and how texts are shown without.

A user may write a password as it is, with `@`, `/` or `#` in it, so that a URL has no one reading;
in doubt more is hidden than necessary.
"""

from __future__ import annotations

import re
from typing import Any, Self

__all__ = [
    "SecretText",
    "SecretUrl",
    "hidden_secret",
    "secret_of",
    "variables_instead",
    "without_secret_argument",
    "without_secrets",
]

HIDDEN = "***"

_WEB = ("http", "https")
_SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|sig|key|credential|auth|sas|session", re.IGNORECASE
)
_url = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/{1,3})(?=\S)")
_server = re.compile(r"(\[[^\]]*\]|[^:@]*)(:\d*)?(,[^:@]*(:\d*)?)*").fullmatch
_phrase_end = re.compile(r"[:.,;)]*(?:[\s'\"<>]|$)").search
_parameter = re.compile(r"([?&;#])([^=&?#;\s]+)=([^&\s'\"]*)")
_VARIABLES = {
    "postgres": "PGPASSWORD",
    "postgresql": "PGPASSWORD",
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "s3a": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_SAS_TOKEN",
    "abfs": "AZURE_STORAGE_SAS_TOKEN",
    "abfss": "AZURE_STORAGE_SAS_TOKEN",
}


class SecretUrl(str):
    """What an option named, perhaps a URL with a password: as text it is the URL without it."""

    secret: str
    """The text as it was given."""

    def __new__(cls, given: str) -> Self:
        """Make the text that shows `given`."""
        shown = super().__new__(cls, without_secrets(given))
        shown.secret = secret_of(given)
        return shown

    def __reduce__(self) -> tuple[Any, ...]:
        return SecretUrl, (self.secret,)


class SecretText(str):
    """Text that is a secret as a whole: what is shown of it is `***`."""

    secret: str
    """The text as it was given."""

    def __new__(cls, given: str) -> Self:
        """Make the text that stands for `given`."""
        shown = super().__new__(cls, HIDDEN)
        shown.secret = secret_of(given)
        return shown

    def __reduce__(self) -> tuple[Any, ...]:
        return SecretText, (self.secret,)


def secret_of(text: str) -> str:
    """Return the text as it was given, where `text` is one that shows it without its secrets."""
    return text.secret if isinstance(text, SecretUrl | SecretText) else text


def hidden_secret(name: str, text: str) -> str:
    """Return the value `text` of something called `name`, which shows itself without secrets."""
    if _SECRET_NAME.search(name):
        return SecretText(text)
    return text if without_secrets(text) == text else SecretUrl(text)


def without_secret_argument(word: str) -> str:
    """Return the word `NAME=VALUE` without its value, where the name is that of a secret."""
    name, equals, value = word.partition("=")
    return f"{name}={HIDDEN}" if equals and value and _SECRET_NAME.search(name) else word


def without_secrets(text: str) -> str:
    """Return `text` with no password and no token in the URLs that are in it."""
    parts = []
    done = 0
    for found in _url.finditer(text):
        if found.start() < done:  # it is part of the one before
            continue
        end = _end_of(text, found.end())
        if _has_half_a_user(text[found.end() : end]):  # a blank or quote is in the password
            line_end = text.find("\n", end)
            at = text.rfind("@", end, line_end if line_end >= 0 else len(text))
            end = _end_of(text, at) if at >= 0 else end
        parts += [text[done : found.end()], _shown(found[1].lower(), text[found.end() : end])]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def variables_instead(text: str) -> str:
    """Return the names of the variables that hold what `without_secrets` hides, if known."""
    found = _url.search(text)
    return _VARIABLES.get(found[1].lower(), "") if found else ""


def _end_of(text: str, start: int) -> int:
    """Return where the URL ends: at a blank or quote, less what ends a phrase before it."""
    found = _phrase_end(text, start)
    return found.start() if found else len(text)


def _has_half_a_user(rest: str) -> bool:
    return "@" not in rest and not _is_server(rest)


def _is_server(rest: str) -> bool:
    """Tell whether what follows the slashes begins with hosts and ports, and no user."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return _server(authority) is not None


def _shown(scheme: str, rest: str) -> str:
    """Return what follows the slashes of a URL, without its secrets."""
    rest = _without_user(scheme, rest)
    if scheme in _WEB:  # the query may be a signature
        place, mark, _ = rest.partition("?")
        return place if mark else rest
    return _parameter.sub(
        lambda found: (
            f"{found[1]}{found[2]}={HIDDEN}" if _SECRET_NAME.search(found[2]) else found[0]
        ),
        rest,
    )


def _without_user(scheme: str, rest: str) -> str:
    if _is_server(rest):
        return rest
    query = re.search(r"[?&]query=", rest)
    before_query = rest[: query.start()] if query else rest
    user, at, server = before_query.rpartition("@")
    if not at:  # cut off in the middle of a password, perhaps
        return f"{rest.partition(':')[0]}:{HIDDEN}"
    name = user.partition(":")[0] if scheme.startswith("postgres") else ""
    shown = f"{name}@" if name and not re.search(r"[/?#@]", name) else ""
    return shown + server + rest[len(before_query) :]
