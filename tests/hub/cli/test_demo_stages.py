"""Who plays in the demo is found by what plugins can do."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from renkei.cli.demo_stages import Wanted, cast
from renkei.errors import ConfigInvalid, UnknownVendor
from renkei.registry import Registry
from renkei_contracts.stage import StageContext
from renkei_contracts.vendor import Vendor


class AnyStage:
    """Has every method of both stages, and does nothing."""

    asks_hub = False
    place = ("1", "1")

    def __init__(self, kind: str, context: StageContext, can: frozenset[str]) -> None:
        self.kind = kind
        self.can = can
        self.work_dir = context.work_dir

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_: None

    async def __aenter__(self) -> "AnyStage":
        return self

    async def __aexit__(self, *exc: object) -> None: ...


def vendor(
    name: str, twin: str | None = None, peer: str | None = None, can: frozenset[str] = frozenset()
) -> Vendor:
    def factory(kind: str | None) -> Any:
        return None if kind is None else (lambda context: AnyStage(kind, context, can))

    return Vendor(name, name.title(), BaseModel, twin=factory(twin), peer=factory(peer))


def registry(*vendors: Vendor) -> Registry:
    return Registry({one.name: one for one in vendors}, broken={"torn": "does not import"})


EVERYBODY = registry(
    vendor("zeta", twin="cart", peer="cart"),
    vendor("acme", twin="cart"),
    vendor("pos", twin="till"),
    vendor("register", twin="till", peer="till"),
    vendor("silent"),
)


def names(wanted: Wanted, folder: Path) -> tuple[str, str]:
    chosen = cast(EVERYBODY, wanted, folder)
    return chosen.cart_vendor.name, chosen.till_vendor.name


def test_the_first_by_name_that_can_is_taken(tmp_path: Path) -> None:
    assert names(Wanted(), tmp_path) == ("acme", "pos")


def test_one_that_can_show_more_of_the_story_is_taken_before_it(tmp_path: Path) -> None:
    able = vendor("zoo", twin="cart", can=frozenset({"refund"}))
    everybody = registry(*EVERYBODY.vendors.values(), able)
    assert cast(everybody, Wanted(), tmp_path).cart_vendor.name == "zoo"


def test_real_software_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    assert names(Wanted("peer"), tmp_path) == ("zeta", "register")


def test_a_name_may_be_given(tmp_path: Path) -> None:
    assert names(Wanted("twin", "zeta", "register"), tmp_path) == ("zeta", "register")


def test_each_stage_has_a_folder_of_its_own(tmp_path: Path) -> None:
    chosen: Any = cast(EVERYBODY, Wanted(), tmp_path)
    assert chosen.cart.work_dir.is_dir()
    assert chosen.cart.work_dir != chosen.till.work_dir


@pytest.mark.parametrize("cart", ["pos", "silent"])
def test_a_named_plugin_that_cannot_play_the_part_is_refused(tmp_path: Path, cart: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"'{cart}' has no twin of a cart"):
        cast(EVERYBODY, Wanted(cart=cart), tmp_path)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownVendor, match="nobody"):
        cast(EVERYBODY, Wanted(till="nobody"), tmp_path)


def test_where_nobody_can_play_the_broken_plugins_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"twin of a till \(broken: torn\)"):
        cast(registry(vendor("acme", twin="cart")), Wanted(), tmp_path)
