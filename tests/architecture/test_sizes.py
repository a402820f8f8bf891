"""Small functions, short files: the bounds of the conventions, which may only be tightened."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for part in ("contracts", "hub", "plugins")
    for path in (ROOT / part).rglob("*.py")
    if "node_modules" not in path.parts
)
MOST_LINES = 360
LONGEST_FUNCTION = 50
SHORT_FUNCTION = 15
SHARE_OF_SHORT = 0.8


def functions(path: Path) -> Iterator[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_too_long_and_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert ast.get_docstring(ast.parse(text))


def test_no_function_is_too_long() -> None:
    too_long = [each for path in SOURCES for each in functions(path) if each[1] > LONGEST_FUNCTION]
    assert too_long == []


def test_most_functions_are_short() -> None:
    sizes = [size for path in SOURCES for _, size in functions(path)]
    short = sum(size <= SHORT_FUNCTION for size in sizes)
    assert short / len(sizes) >= SHARE_OF_SHORT


def public_names(path: Path) -> Iterator[tuple[str, ast.AST]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and not node.name.startswith("_"):
            yield f"{path.relative_to(ROOT)}:{node.name}", node


@pytest.mark.parametrize("part", ["contracts", "hub"])
def test_everything_public_says_what_it_is(part: str) -> None:
    silent = [
        name
        for path in SOURCES
        if path.is_relative_to(ROOT / part)
        for name, node in public_names(path)
        if not ast.get_docstring(node)  # type: ignore[arg-type]
    ]
    assert silent == []


def test_no_vendor_is_named_in_the_hub() -> None:
    vendors = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())
    named = [
        f"{path.relative_to(ROOT)}: {vendor}"
        for part in ("hub", "contracts")
        for path in sorted((ROOT / part).rglob("*.py"))
        for vendor in vendors
        if vendor in path.read_text(encoding="utf-8").lower()
    ]
    assert named == []
