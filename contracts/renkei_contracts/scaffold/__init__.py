"""A new plugin's project, rendered from a template: its suites run at once.

Needs the extra ``renkei-contracts[testing]``.
"""

import re
import tomllib
from pathlib import Path
from typing import Literal, get_args

from renkei_contracts.errors import RenkeiError

Kind = Literal["cart", "pos", "members", "facts"]
"""What the vendor is: a web shop, registers, a keeper of members, a source of dated facts."""

TEMPLATE = Path(__file__).parent / "template"
NAME = re.compile(r"[a-z][a-z0-9]{0,39}")
WORKSPACE = "renkei-workspace"

TABLES = (
    'pyproject.toml: [project.entry-points."renkei.plugins"], [tool.hatch.build.targets.wheel] '
    "packages, [tool.importlinter] root_packages and the first two contracts",
    "tox.ini: alone-{{…}} with its deps and commands, and the mypy line of lint",
    "tests/plugins/{name}/: the place of test_contract.py in this checkout",
    "README.md and README.ja.md: run `python docs/matrix.py`",
)
"""What a checkout of Renkei repeats of its parts; tests/architecture says what is missing."""


class ScaffoldRefused(RenkeiError):
    """The project was not made; the message says what to do."""


def new_plugin(name: str, kind: Kind, into: Path) -> Path:
    """Render the project of the plugin ``name`` into a new folder, and give it back.

    Raises ScaffoldRefused: a name that cannot be one, a folder that holds something, no copier.
    """
    if not NAME.fullmatch(name):
        raise ScaffoldRefused(f"{name!r} cannot be a vendor's name: small letters and digits only")
    if kind not in get_args(Kind):
        raise ScaffoldRefused(f"{kind!r} is no kind of plugin: {', '.join(get_args(Kind))}")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ScaffoldRefused(f"{into} is there already: name another folder with --into")
    try:
        from copier import run_copy
    except ImportError as error:
        raise ScaffoldRefused(
            "a new plugin needs copier: pip install 'renkei-contracts[testing]'"
        ) from error
    run_copy(str(TEMPLATE), into, {"name": name, "kind": kind}, defaults=True, quiet=True)
    return into


def tables(name: str, into: Path) -> tuple[str, ...]:
    """What else must name the plugin, where its folder lies in a checkout of Renkei."""
    root = next((one for one in into.absolute().parents if _is_workspace(one)), None)
    return () if root is None else tuple(text.format(name=name) for text in TABLES)


def _is_workspace(folder: Path) -> bool:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return False
    told = tomllib.loads(file.read_text("utf-8"))
    return bool(told.get("project", {}).get("name") == WORKSPACE)
