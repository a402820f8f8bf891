"""Install Tryton from PyPI into a work folder and prepare its shop, once."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sys
from pathlib import Path

from renkei_contracts.twin.process import PeerUnavailable, run_tool

# The newest series each Python runs, with the modules of the shop; newest Python first.
SERIES = (((3, 10), "8.2"),)
DISTRIBUTIONS = ("trytond", "proteus", "trytond-sale-point")
DATABASE = "shop"
PACKAGE = Path(__file__).parent


def choose_series(version: tuple[int, int]) -> str:
    """Return the Tryton series for a Python version."""
    for oldest, series in SERIES:
        if version >= oldest:
            return series
    needed = ".".join(map(str, SERIES[-1][0]))
    raise PeerUnavailable(f"Python >= {needed} is needed for Tryton {SERIES[-1][1]}")


async def install(folder: Path) -> Path:
    """Have Tryton in a virtual environment in ``folder``; return that environment's Python."""
    series = choose_series(sys.version_info[:2])
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]} {series}"
    venv = folder / "venv"
    python, marker = venv / "bin" / "python", venv / "installed"
    if marker.is_file() and marker.read_text() == wanted:
        return python
    shutil.rmtree(venv, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(venv)]
    await run_tool(command, folder=folder, what="python -m venv (apt-get install python3-venv)")
    packages = [f"{name}~={series}.0" for name in DISTRIBUTIONS]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    await run_tool([*pip, *packages], folder=folder, what="pip install trytond")
    marker.write_text(wanted)
    return python


async def prepare(folder: Path, python: Path) -> Path:
    """Have a database with a shop in it, to copy from; return its folder.

    Making it takes half a minute, so it is kept for as long as Tryton and the set-up are the same.
    """
    recipe = (PACKAGE / "setup_shop.py").read_bytes() + (folder / "venv/installed").read_bytes()
    template = folder / f"template-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if template.is_dir():
        return template
    draft = folder / "template.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password = draft / "administrator.key"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    config = write_config(draft, draft, port=0)
    (draft / f"{DATABASE}.sqlite").touch()
    activate = [str(python.with_name("trytond-admin")), "-c", str(config), "-d", DATABASE]
    activate += ["-u", "sale_point", "--activate-dependencies", "--email", "admin@example.jp"]
    environment = {"TRYTONPASSFILE": str(password)}
    await run_tool(activate, folder=draft, what="trytond-admin", environment=environment)
    fill = [str(python), str(PACKAGE / "setup_shop.py"), DATABASE, str(config)]
    await run_tool(fill, folder=draft, what="setup_shop.py")
    draft.rename(template)
    return template


def write_config(folder: Path, data: Path, *, port: int) -> Path:
    """Write trytond.conf into ``folder`` for the databases in ``data``."""
    file = folder / "trytond.conf"
    file.write_text(
        f"[database]\nuri = sqlite://\npath = {data}\n\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
    return file
