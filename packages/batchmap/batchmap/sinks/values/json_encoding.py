"""Turns values into strict JSON, one text each, fast."""

from __future__ import annotations

import json
import json.encoder
import math
from collections.abc import Callable, Sequence
from typing import Any

from batchmap.lone_surrogates import escaped, needs_escape
from batchmap.records import ItemFailure
from batchmap.sinks.values.value_conversion import JSON, Form, Unwritable, is_plain
from batchmap.worker.failures import LONGEST_TEXT, describe_failure

__all__ = ["escaped_text", "fallback_texts", "item_text", "json_text", "json_texts", "text_of"]

_quoted = json.encoder.encode_basestring


def _float_text(number: float) -> str:
    if math.isfinite(number):
        return float.__repr__(number)
    raise ValueError


_EXACT: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    int: int.__repr__,
    float: _float_text,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}
"""How the text of the commonest types is made; after a `ValueError`, the slow way is tried."""


def _container_encoder() -> Callable[[Any], str]:
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
    # The standard encoder creates this object for each value, which doubles the time of a small
    # one. It is no public name, so what it writes is tested first.
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    try:
        chunks = make(None, None, _quoted, None, ": ", ", ", False, False, False)
        if "".join(chunks({"é": [1, None]}, 0)) == '{"é": [1, null]}':
            return lambda value: "".join(chunks(value, 0))
    except TypeError:
        pass
    return encode


_encode_container = _container_encoder()


def json_text(value: Any, form: Form = JSON) -> str:
    """Return `value` as strict JSON in one line; raises `Unwritable` when it has no such form.

    `Form.plain` lists the types that are converted. Lone surrogates stay in the text; nan and
    infinity are `null`, or what `form` says.
    """
    exact = _EXACT.get(type(value))
    if exact is not None or is_plain(value):
        try:
            return exact(value) if exact is not None else _encode_container(value)
        except (ValueError, RecursionError):
            pass  # the slow way below says what is wrong
    try:
        return _encode_container(form.plain(value))
    except RecursionError as error:
        raise Unwritable(describe_failure(error)) from None


def json_texts(values: Sequence[Any]) -> tuple[list[str], dict[int, ItemFailure]]:
    """Return each value as JSON that UTF-8 can hold, and the failures by offset in `values`."""
    failures: dict[int, ItemFailure] = {}
    types = set(map(type, values))
    text_of_type = _EXACT.get(types.pop()) if len(types) == 1 else None
    try:
        texts = list(map(text_of_type or json_text, values))
    except (ValueError, Unwritable):
        texts = []
        for offset, value in enumerate(values):
            try:
                texts.append(json_text(value))
            except Unwritable as error:
                failures[offset] = error.failure
                texts.append("")
    if needs_escape("".join(texts)):
        texts = list(map(escaped, texts))
    return texts, failures


def escaped_text(value: Any, form: Form = JSON) -> str:
    """Return `value` as JSON that UTF-8 can hold; raises `Unwritable` when it has no such form."""
    if type(value) is dict and is_plain(value):  # as most results are: without further ado
        try:
            text = _encode_container(value)
        except (ValueError, RecursionError):
            text = json_text(value, form)  # says what is wrong
    else:
        text = json_text(value, form)
    return text if text.isascii() or not needs_escape(text) else escaped(text)


def fallback_texts(items: Sequence[Any]) -> list[str]:
    """Return each item as JSON; one that JSON cannot hold as `item_text` does."""
    texts, failures = json_texts(items)
    for offset in failures:
        texts[offset] = item_text(items[offset])
    return texts


def item_text(item: Any) -> str:
    """Return an item as JSON from which it can be made again, where its type is known.

    One of an unknown type is marked as an object, with its `repr`.
    """
    from batchmap.marked_json import MARK, NotMarkableError, marked_json  # which few runs need

    try:
        return marked_json(item)
    except NotMarkableError:
        return f'{{"{MARK}": "object", "value": {text_of(_repr_of(item))}}}'


def text_of(text: str) -> str:
    """Return any `text` as a JSON string that UTF-8 can hold."""
    return escaped(_quoted(text))


def _repr_of(item: Any) -> str:
    try:
        return repr(item)[:LONGEST_TEXT]
    except BaseException:
        return f"<{type(item).__name__} whose text cannot be had>"
