"""The plugins installed beside the hub: which load, which are broken, and which are disputed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

import pluggy

from renkei.errors import UnknownVendor
from renkei_contracts import hookspecs
from renkei_contracts.hookspecs import ENTRY_POINT_GROUP, PROJECT
from renkei_contracts.vendor import PROTOCOLS, Vendor


class _Unusable(Exception):
    """Why this plugin cannot be used; stops no other."""


@dataclass(frozen=True)
class Registry:
    """Vendors by name, and why the others are not among them.

    ``origins`` say which distribution a name comes from, ``disabled`` what the settings switch off.
    """

    vendors: Mapping[str, Vendor]
    broken: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()

    def vendor(self, name: str) -> Vendor:
        """The vendor of this name; raises UnknownVendor with what to do."""
        if name in self.vendors:
            return self.vendors[name]
        if name in self.broken:
            raise UnknownVendor(f"the plugin {name!r} cannot be used: {self.broken[name]}")
        if name in self.disabled:
            raise UnknownVendor(
                f"the plugin {name!r} is switched off: take it out of disabled_plugins"
            )
        installed = ", ".join(self.vendors) or "none"
        raise UnknownVendor(
            f"no plugin {name!r} is installed (installed: {installed}): "
            f"check the name, or `pip install renkei-{name}`"
        )


def capability_matrix(vendors: Iterable[Vendor]) -> tuple[list[str], list[tuple[bool, ...]]]:
    """The capabilities that at least one of these vendors has, twin and peer, and who has them."""
    known = [(vendor, set(vendor.capabilities())) for vendor in vendors]
    names = [name for name in PROTOCOLS if any(name in have for _, have in known)]
    rows = [
        (*(name in have for name in names), vendor.twin is not None, vendor.peer is not None)
        for vendor, have in known
    ]
    return [*(name.replace("_", " ") for name in names), "twin", "real peer"], rows


def load_registry(disabled: Set[str] = frozenset()) -> Registry:
    """Load every entry point once; a broken or disputed name never stops the others."""
    return registry_of(entry_points(group=ENTRY_POINT_GROUP), disabled)


def registry_of(found: Iterable[EntryPoint], disabled: Set[str] = frozenset()) -> Registry:
    """The registry of these entry points. Equal claims of several distributions are one claim."""
    claims: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for entry_point in found:
        claims[entry_point.name].setdefault(entry_point.value, entry_point)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    vendors: dict[str, Vendor] = {}
    broken: dict[str, str] = {}
    for name in sorted(claims.keys() - disabled):
        try:
            vendors[name] = _load(manager, name, list(claims[name].values()))
        except _Unusable as why:
            broken[name] = str(why)
    return Registry(
        vendors=vendors,
        broken=broken,
        origins={name: " and ".join(map(_origin, by.values())) for name, by in claims.items()},
        disabled=frozenset(claims.keys() & disabled),
    )


def _load(manager: pluggy.PluginManager, name: str, claims: list[EntryPoint]) -> Vendor:
    if len(claims) > 1:
        both = " and ".join(f"{claim.value} ({_origin(claim)})" for claim in claims)
        raise _Unusable(f"claimed by {both}; uninstall all but one")
    try:
        plugin = claims[0].load()
    except (Exception, SystemExit) as error:  # whatever a stranger's module does when imported
        raise _Unusable(f"does not import: {_said(error)}; reinstall or update it") from error
    announced = _announced(manager, plugin)
    if len(announced) != 1 or not isinstance(announced[0], Vendor):
        raise _Unusable("must announce exactly one Vendor in register_vendor; update it")
    if announced[0].name != name:
        raise _Unusable(
            f"announces {announced[0].name!r} but its entry point is {name!r}; update it"
        )
    return announced[0]


def _announced(manager: pluggy.PluginManager, plugin: object) -> list[object]:
    """What this plugin alone announces; one that fails is taken out again."""
    announced: list[object] = []
    try:
        manager.register(plugin)
        manager.check_pending()
        others = [other for other in manager.get_plugins() if other is not plugin]
        manager.subset_hook_caller("register_vendor", others)(register=announced.append)
    except Exception as error:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
        raise _Unusable(f"does not announce itself: {_said(error)}; update it") from error
    return announced


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _origin(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "?"
