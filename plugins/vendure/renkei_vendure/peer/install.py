"""Install Vendure from npm into a work folder, once."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from renkei_contracts.twin.process import PeerUnavailable, run_tool

NODE_NEEDED = "node >= 20 is needed: apt-get install nodejs npm"
MANIFESTS = ("package.json", "package-lock.json")
PACKAGE = Path(__file__).parent


async def find_node() -> str:
    """Return the path of a node which is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise PeerUnavailable(NODE_NEEDED)
    version = await run_tool([node, "--version"], folder=PACKAGE, what="node")
    found = re.fullmatch(r"v(\d+)\..*", version)
    if found is None or int(found.group(1)) < 20:
        raise PeerUnavailable(f"{NODE_NEEDED} (found {version})")
    return node


async def install(folder: Path) -> None:
    """Have exactly the locked packages in ``folder``; a half-made installation is made anew."""
    manifests = {name: (PACKAGE / name).read_bytes() for name in MANIFESTS}
    digest = hashlib.sha256(b"\0".join(manifests.values())).hexdigest()
    marker = folder / "installed"
    if marker.is_file() and marker.read_text() == digest:
        return
    marker.unlink(missing_ok=True)
    for name, content in manifests.items():
        (folder / name).write_bytes(content)
    # `npm ci` empties node_modules first. No package here needs its install script: what is
    # native comes ready built.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    await run_tool(command, folder=folder, what="npm ci")
    marker.write_text(digest)
