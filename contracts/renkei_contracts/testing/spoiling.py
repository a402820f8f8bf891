"""What may become of a vendor's answer on its way, for ``Bench.on_the_way``."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import httpx

from renkei_contracts.testing.bench import Exchange, OnTheWay
from renkei_contracts.testing.bodies import json_body
from renkei_contracts.testing.checks import NotApplicable

Path = tuple[str, ...]
"""The keys that lead to a value, through lists and objects."""

UNKNOWN = "renkei-unknown"

TIME = re.compile(r"\d{4}-\d{2}-\d{2}")


def broken(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """The connection breaks when the vendor has acted."""
    raise httpx.ReadError("the connection broke", request=request)


def unreadable(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """Something between us and the vendor answers with a page."""
    return _with(request, response, b"<html>")


def with_text(old: bytes, new: bytes) -> OnTheWay:
    """The answers say something else wherever they say ``old``."""

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        return _with(request, response, response.content.replace(old, new))

    return answer


def with_unknown(key: str) -> OnTheWay:
    """Every text under this key of the answers becomes a word that no vendor has."""

    def unknown(value: Any, under: str) -> Any:
        if isinstance(value, dict):
            return {name: unknown(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [unknown(one, under) for one in value]
        return UNKNOWN if under == key and isinstance(value, str) else value

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        told = json_body(response.content)
        if not isinstance(told, dict | list):
            return response
        return _with(request, response, json.dumps(unknown(told, "")).encode())

    return answer


def at_call(number: int, spoil: OnTheWay) -> OnTheWay:
    """Spoil the answer to that call from now (1 is the next), and leave the others alone."""
    left = number

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        nonlocal left
        left -= 1
        return response if left else spoil(request, response)

    return answer


def spoiled(bad: str, ids: Collection[str], exchanges: Sequence[Exchange]) -> OnTheWay:
    """Makes of one row what nobody expects: each of its values becomes another thing.

    Where the vendor's answers name ``ids`` is learned from ``exchanges``, which went well. Kept are
    what names the row, and times, since a list is read on from the time of a row.
    """
    paths = _paths(ids, exchanges)

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        told = json_body(response.content)
        found = {path for path, _ in _named(told, ids)} & paths
        if not found:
            return response
        told = _spoil(told, min(found, key=len), bad)
        return _with(request, response, json.dumps(told).encode())

    return answer


def _paths(ids: Collection[str], exchanges: Sequence[Exchange]) -> set[Path]:
    """The keys under which every one of the ids was named; those of other things may be shorter."""
    answers = [one.response for one in exchanges if one.response is not None]
    named = [found for one in answers for found in _named(json_body(one.content), ids)]
    paths = [{path for path, id in named if id == wanted} for wanted in ids]
    common = set.intersection(*paths)
    if not common:
        raise NotApplicable("the vendor's answers do not name what they hold")
    return common


def _named(value: Any, ids: Collection[str], path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _named(one, ids, path)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _named(one, ids, (*path, key))
    elif (id := _id(value)) in ids:
        yield path, id


def _spoil(value: Any, path: Path, bad: str) -> Any:
    if isinstance(value, list):
        return [_spoil(one, path, bad) for one in value]
    key, *rest = path
    if not isinstance(value, dict) or key not in value:
        return value
    if rest:
        return {**value, key: _spoil(value[key], tuple(rest), bad)}
    if _id(value[key]) != bad:
        return value
    return {name: one if _kept(one, bad) else {"odd": True} for name, one in value.items()}


def _with(request: httpx.Request, response: httpx.Response, content: bytes) -> httpx.Response:
    """The same answer with another body."""
    framing = {"content-length", "content-encoding", "transfer-encoding"}
    kept = [(key, value) for key, value in response.headers.multi_items() if key not in framing]
    return httpx.Response(response.status_code, headers=kept, content=content, request=request)


def _id(value: Any) -> str:
    """An id may be a number, or the end of an address."""
    return "" if isinstance(value, dict | list) else str(value).rpartition("/")[2]


def _kept(value: Any, id: str) -> bool:
    if isinstance(value, dict):
        return "__class__" in value
    return _id(value) == id or (isinstance(value, str) and TIME.match(value) is not None)
