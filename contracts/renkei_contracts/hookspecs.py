"""How a plugin announces itself: one entry-point group, one hook.

In the plugin's ``pyproject.toml``, with the vendor's name as the entry point's name::

    [project.entry-points."renkei.plugins"]
    acme = "renkei_acme"
"""

from collections.abc import Callable

import pluggy

from renkei_contracts.vendor import Vendor

PROJECT = "renkei"
ENTRY_POINT_GROUP = "renkei.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_vendor(register: Callable[[Vendor], None]) -> None:
    """Called once at start: call ``register`` with your Vendor. Nothing else may happen here."""
