"""A condition's text: what the engine does not bound, and where in it a fault lies. Pure."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

LONGEST = 2_000
"""Characters of one condition: what a person can read."""

DEEPEST = 16
"""Brackets within brackets; the engine's own limit is near and says no place."""

MOST_PLACES = 3

_QUOTED = re.compile(
    r"""(?:\b[bB]?[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*'))"""
    r"""|\"{3}(?:\\.|.)*?\"{3}|'{3}(?:\\.|.)*?'{3}"""
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|//[^\n]*""",
    re.DOTALL,
)
_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one)\s*\(")
_CONVERSION = re.compile(r"\b(?:int|uint|double|string|timestamp|duration)\s*\(")
_OPENING, _CLOSING = "([{", ")]}"

_CAUSES = {
    "divide by zero": re.compile(r"/"),
    "modulus by zero": re.compile(r"%"),
    "integer overflow": re.compile(r"[-+*]"),
    "Index error": re.compile(r"\["),
    "range": _CONVERSION,
    "conver": _CONVERSION,
    "Iteration budget": _LOOP,
}
"""What an error of the engine speaks of, and what can have been its cause."""

_MISSING = re.compile(r'Key not found in map : "?(?P<key>[^"]*)')


def beyond_limits(text: str) -> str | None:
    """Why the text is refused before it is compiled, with its place; None: it is not.

    A loop within a loop multiplies what both go through, and their lists come from the order.
    """
    if len(text) > LONGEST:
        return f"1:{LONGEST + 1}: a condition has at most {LONGEST} characters, not {len(text)}"
    bare = _bare(text)
    for at, depth in _depths(bare):
        if depth > DEEPEST:
            return f"{_place(text, at)}: more than {DEEPEST} brackets within each other"
    inner = _loop_within(bare)
    return None if inner is None else f"{_place(text, inner)}: a loop within a loop"


@lru_cache(maxsize=1_024)
def located(text: str, error: str) -> str:
    """An error that a condition ended in, after the places where it can have come from."""
    places = [_place(text, at) for at in islice(_causes(text, error), MOST_PLACES)]
    return f"{' or '.join(places) or '1:1'}: {error}"


def _causes(text: str, error: str) -> Iterator[int]:
    missing = _MISSING.search(error)
    if missing:
        yield from (one.start() for one in re.finditer(re.escape(missing["key"]), text))
        return
    cause = next((found for words, found in _CAUSES.items() if words in error), None)
    if cause is not None:
        yield from (one.start() for one in cause.finditer(_bare(text)))


def _bare(text: str) -> str:
    """The text with blanks for what is quoted or a comment: every place stays where it is."""
    return _QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _depths(bare: str) -> Iterator[tuple[int, int]]:
    """Where brackets open, and how many are open then."""
    depth = 0
    for at, char in enumerate(bare):
        if char in _OPENING:
            depth += 1
            yield at, depth
        elif char in _CLOSING:
            depth -= 1


def _loop_within(bare: str) -> int | None:
    """Where a loop begins in the brackets of another."""
    outer_end = 0
    for loop in _LOOP.finditer(bare):
        if loop.start() < outer_end:
            return loop.start()
        outer_end = _closing(bare, loop.end())
    return None


def _closing(bare: str, at: int) -> int:
    """Where the bracket closes that opened before ``at``; the end where it never does."""
    depth = 1
    for end in range(at, len(bare)):
        depth += (bare[end] in _OPENING) - (bare[end] in _CLOSING)
        if depth == 0:
            return end
    return len(bare)


def _place(text: str, at: int) -> str:
    """Line and column, both from 1."""
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"
