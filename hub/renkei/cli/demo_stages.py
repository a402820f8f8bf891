"""Who plays in the demo: a cart and a till, picked by what plugins can do, never by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from renkei.errors import ConfigInvalid
from renkei.registry import Registry
from renkei_contracts.stage import CartStage, StageContext, TillStage
from renkei_contracts.vendor import Stage, Vendor

Kind = Literal["cart", "till"]
Appearance = Literal["twin", "peer"]


@dataclass(frozen=True)
class Cast:
    """Both vendors with their stages, not yet started."""

    cart_vendor: Vendor
    cart: CartStage
    till_vendor: Vendor
    till: TillStage


@dataclass(frozen=True)
class Wanted:
    """What the user asked for: twins or real peers, and names (None: whichever can most)."""

    appearance: Appearance = "twin"
    cart: str | None = None
    till: str | None = None


def cast(registry: Registry, wanted: Wanted, work_dir: Path) -> Cast:
    """Pick the cart and the till; raises ConfigInvalid or UnknownVendor with what to do."""
    cart_vendor, cart = _pick(registry, "cart", wanted.appearance, wanted.cart, work_dir)
    till_vendor, till = _pick(registry, "till", wanted.appearance, wanted.till, work_dir)
    if not isinstance(cart, CartStage) or not isinstance(till, TillStage):
        raise ConfigInvalid(
            f"the stages of {cart_vendor.name} and {till_vendor.name} do not do what a cart and "
            "a till do: update the plugins"
        )
    return Cast(cart_vendor, cart, till_vendor, till)


def _pick(
    registry: Registry, kind: Kind, appearance: Appearance, name: str | None, work_dir: Path
) -> tuple[Vendor, Stage]:
    candidates = [registry.vendor(name)] if name else sorted_vendors(registry)
    found = [(vendor, _stage(vendor, appearance, work_dir)) for vendor in candidates]
    able = [(vendor, stage) for vendor, stage in found if stage and stage.kind == kind]
    if able:
        # Of several the one that can show most of the story; the first by name among equals.
        return max(able, key=lambda one: len(one[1].can))
    if name:
        raise ConfigInvalid(
            f"the plugin {name!r} has no {appearance} of a {kind}: `renkei plugins` shows "
            "what each plugin can put on stage"
        )
    broken = f" (broken: {', '.join(registry.broken)})" if registry.broken else ""
    raise ConfigInvalid(
        f"no installed plugin has a {appearance} of a {kind}{broken}: install one, "
        "and see `renkei plugins`"
    )


def sorted_vendors(registry: Registry) -> list[Vendor]:
    """All vendors, by name."""
    return [registry.vendors[name] for name in sorted(registry.vendors)]


def _stage(vendor: Vendor, appearance: Appearance, work_dir: Path) -> Stage | None:
    factory = vendor.twin if appearance == "twin" else vendor.peer
    if factory is None:
        return None
    own_dir = work_dir / vendor.name
    own_dir.mkdir(parents=True, exist_ok=True)
    return factory(StageContext(own_dir))
