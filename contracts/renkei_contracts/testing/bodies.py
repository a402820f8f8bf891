"""Bodies of deliveries taken apart: JSON, forms and XML, with one thing in them changed."""

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

Path = tuple[str | int, ...]


def places_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where in a JSON value something stands under a key."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield (*path, key)
            yield from places_in(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from places_in(one, (*path, index))


REMOVED = object()


def with_value(value: Any, path: Path, new: object) -> Any:
    """A copy of a JSON value with something else at that place; ``REMOVED``: with nothing."""
    step, *rest = path
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        copied[step] = with_value(copied[step], tuple(rest), new)
    elif new is REMOVED:
        del copied[step]
    else:
        copied[step] = new
    return copied


DEEP = 99
"""Deeper than any body goes."""


def json_body(body: bytes) -> Any:
    """The body as JSON, or None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def spoilt(body: bytes, new: object, depth: int = DEEP) -> Iterator[tuple[str, bytes]]:
    """The body with what stands under each name in turn become ``new``, and which name it is.

    ``depth``: of how many names at most. A field of a form that holds JSON is looked into.
    """
    told = json_body(body)
    if isinstance(told, dict | list):
        yield from _json(told, new, depth)
    elif body.lstrip().startswith(b"<"):
        yield from _xml(body, new, depth)
    else:
        yield from _form(body, new, depth)


def _json(told: Any, new: object, depth: int) -> Iterator[tuple[str, bytes]]:
    for path in places_in(told):
        if sum(isinstance(step, str) for step in path) <= depth:
            yield ".".join(map(str, path)), json.dumps(with_value(told, path, new)).encode()


def _form(body: bytes, new: object, depth: int) -> Iterator[tuple[str, bytes]]:
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return
    for place, (name, value) in enumerate(fields):
        before, after = fields[:place], fields[place + 1 :]
        others = [] if new is REMOVED else [(name, one) for one in _texts(new)]
        yield name, urlencode([*before, *others, *after]).encode()
        inner = json_body(value.encode())
        for where, changed in _json(inner, new, depth - 1) if isinstance(inner, dict) else ():
            held = (name, changed.decode())
            yield f"{name}.{where}", urlencode([*before, held, *after]).encode()


def _texts(new: object) -> list[str]:
    """What a form can hold in the place of a value: several of them, or what is no text of ours."""
    if isinstance(new, list):
        return [str(one) for one in new]
    return ["" if new is None else new if isinstance(new, str) else json.dumps(new)]


def _xml(body: bytes, new: object, depth: int) -> Iterator[tuple[str, bytes]]:
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - our own twin's
    except ElementTree.ParseError:
        return
    for path, place in _elements(root, depth):
        changed = copy.deepcopy(root)
        *above, last = path
        parent = changed
        for step in above:
            parent = parent[step]
        _become(parent, last, new)
        yield place, ElementTree.tostring(changed, encoding="utf-8")


def _elements(
    within: ElementTree.Element, depth: int, path: tuple[int, ...] = (), place: str = ""
) -> Iterator[tuple[tuple[int, ...], str]]:
    for number, one in enumerate(within) if depth else ():
        here = (*path, number)
        name = f"{place}.{one.tag}".lstrip(".")
        yield here, name
        yield from _elements(one, depth - 1, here, name)


def _become(parent: ElementTree.Element, number: int, new: object) -> None:
    """An element goes, has another text, or an element in it that nobody knows."""
    if new is REMOVED:
        del parent[number]
        return
    one = parent[number]
    tail, tag = one.tail, one.tag
    one.clear()
    one.tag, one.tail = tag, tail
    if isinstance(new, dict | list):
        ElementTree.SubElement(one, "unexpected")
    else:
        one.text = _texts(new)[0]
