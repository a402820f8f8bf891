"""The signatures that plugins and hub agree on, as text, so that changing one is a decision.

usage: python tests/contracts/freeze_signatures.py

Writes signatures.txt anew. It refuses unless contracts has another version than the file says, and
a fragment in docs/changelog.d names that version.
"""

import ast
import inspect
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from renkei_contracts import capability, connection, delivery, hookspecs, paging, stage, vendor

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("signatures.txt")
MODULES = (capability, vendor, stage, hookspecs, connection, delivery, paging)
"""What a plugin implements, and what it is handed."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def frozen_text(version: str) -> str:
    """The file's content for this version of contracts."""
    parts = "\n\n\n".join(_module(module) for module in MODULES)
    return f"# renkei-contracts {version}\n\n{parts}\n"


def version_in(text: str) -> str:
    """The version that a file was written for."""
    return text.partition("\n")[0].rpartition(" ")[2]


def refusal(frozen: str, version: str, fragments: Iterable[str]) -> str | None:
    """Why the signatures may not be written for this version, or None."""
    if version == frozen:
        return f"contracts is {version}, as in signatures.txt: raise it in contracts/pyproject.toml"
    if not any(f"contracts {version}" in text for text in fragments):
        return f"no fragment in docs/changelog.d says what 'contracts {version}' changes"
    return None


def _module(module: ModuleType) -> str:
    body = ast.parse(inspect.getsource(module)).body
    kept = "\n\n".join(ast.unparse(one) for one in _public(body))
    return f"# {module.__name__}\n\n{kept}"


def _public(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Names without an underscore, functions without what they do, nothing without a name."""
    for one in body:
        match one:
            case ast.ClassDef(name=name) if not name.startswith("_"):
                one.body = [*_public(one.body)] or [ast.Pass()]
                yield one
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if _seen(name):
                one.body = [ast.Expr(ast.Constant(...))]
                yield one
            case ast.AnnAssign(target=ast.Name(id=name)) if _seen(name):
                yield one
            case ast.Assign(targets=[ast.Name(id=name)]) if _seen(name):
                yield one


def _seen(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def contracts_version() -> str:
    """What contracts/pyproject.toml says."""
    text = (ROOT / "contracts" / "pyproject.toml").read_text("utf-8")
    version: str = tomllib.loads(text)["project"]["version"]
    return version


def main() -> int:
    """Write the file, or say why not."""
    version = contracts_version()
    fragments = [file.read_text("utf-8") for file in (ROOT / "docs" / "changelog.d").iterdir()]
    if why := refusal(version_in(FILE.read_text("utf-8")), version, fragments):
        sys.stderr.write(f"{why}\n")
        return 1
    FILE.write_text(frozen_text(version), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
