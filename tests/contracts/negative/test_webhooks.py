"""For each check of ``webhooks`` a plugin that is wrong in that way."""

from dataclasses import replace
from typing import Any

import pytest
import wrong_hooks as w
from wrong import checks_of, must_fail, wrapped

from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.vendor import Vendor


def hooks(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "webhooks", wrap)


def by_address(wrap: Any) -> Vendor:
    """A vendor that shows two secrets: one in a header, one in the address."""
    return wrapped(COPY_VENDOR, "webhooks", wrap)


WRONG: dict[str, Any] = {
    "a delivery of the vendor is accepted": w.RefusesAll,
    "headers are found in any case": w.ExactCase,
    "a forged signature is refused": w.ComparesFromTheSecond,
    "a truncated signature is refused": w.ComparesAPrefix,
    "a lengthened signature is refused": w.ComparesABeginning,
    "a signature in another case is refused": w.ComparesInAnyCase,
    "an empty signature is refused": w.EmptyIsFine,
    "an unsigned delivery is refused": w.UnsignedIsATest,
    "without a configured secret everything is refused": w.OpenWithoutSecret,
    "a delivery of another connection is refused": w.OneSecretForAll,
    "a secret that only begins alike is refused": w.TrimsTheSecret,
    "a delivery for another account is refused": w.AnyShop,
    "a rotated secret and the one before it are both accepted": w.NewestSecretOnly,
    "a secret that was taken out is refused": w.NeverForgetsASecret,
    "a signature of another delivery is refused": w.ComparesTheLength,
    "a stale delivery is refused": w.NeverStale,
    "a delivery from the future is refused": w.FutureIsFine,
    "a late delivery within the tolerance is accepted": w.Impatient,
    "a stale delivery with a fresh time is refused": w.TimeOfTheBody,
    "a body with one byte changed is refused": w.ComparesTheLength,
    "a truncated body is refused": w.EmptyNeedsNoProof,
    "a body with something appended is refused": w.Trims,
    "a re encoded body is refused": w.VerifiesWhatItParsed,
    "any bytes as a body are judged without a crash": w.VerifiesWhatItParsed,
    "any text in a header is refused without a crash": w.TextOnly,
    "a delivery sent twice has one key": w.NewKeyEachTime,
    "two different deliveries never share a key": w.KeyIsTheObject,
    "a key made of the body is made of all of it": w.KeyOfTheBeginning,
    "a key is a short text": w.KeyIsTheBody,
    "a sale is told by its deliveries": w.Deaf,
    "a refund is told by its deliveries": w.Deaf,
    "an edit is told by its deliveries": w.Deaf,
    "a cancellation is told by its deliveries": w.Deaf,
    "a registration is told by its deliveries": w.Deaf,
    "a changed name is told by its deliveries": w.Deaf,
    "a withdrawal is told by its deliveries": w.StillActive,
    "a merge is told by its deliveries": w.Crossed,
    "points changed by hand are told by their deliveries": w.TenfoldPoints,
    "reading again tells the same": w.Counts,
    "an unknown topic is ignored": w.UnknownIsInvalid,
    "an empty body is invalid": w.Unguarded,
    "a body that is not json is invalid": w.Unguarded,
    "a body that is not utf8 is invalid": w.Unguarded,
    "a deeply nested body is invalid": w.Unguarded,
    "a huge body is read or invalid": w.Unguarded,
    "a body of another kind is invalid": w.LooksInside,
    "any missing key is read or invalid": w.LooksInside,
    "any other type is read or invalid": w.LooksInside,
    "a missing key never makes another sale": w.MissingIsNobody,
    "an order that is refused is named": w.NamesNothing,
}

TABLE = {f"webhooks: {name}": hooks(wrap) for name, wrap in WRONG.items()} | {
    "webhooks: every reference is of this connection": replace(
        VENDOR, webhooks=lambda given: VENDOR.webhooks(replace(given, id="another"))
    )
}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("webhooks")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)


ALIKE, OTHER, EMPTY, ACCOUNT = (
    "a secret that only begins alike is refused",
    "a delivery of another connection is refused",
    "without a configured secret everything is refused",
    "a delivery for another account is refused",
)
ALSO: dict[str, tuple[str, Vendor]] = {
    "a secret in any case": (ALIKE, hooks(w.AnyCase)),
    "the first half of a secret": (ALIKE, hooks(w.FirstHalf)),
    "the last half of a secret": (ALIKE, hooks(w.LastHalf)),
    "a secret of one character": (OTHER, hooks(w.ShortIsOpen)),
    "a shop whose name ends with ours": (ACCOUNT, hooks(w.ShopsThatEndAlike)),
    "a shop whose name begins with ours": (ACCOUNT, hooks(w.ShopsThatBeginAlike)),
    "an empty secret beside another": (EMPTY, by_address(w.EmptyAddressIsOpen)),
}
"""Other ways to be wrong in what a check is about, which it must see as well."""


@pytest.mark.parametrize("way", ALSO)
async def test_it_is_seen_in_whatever_way_the_plugin_is_wrong(way: str) -> None:
    name, vendor = ALSO[way]
    await must_fail(vendor, f"webhooks: {name}")
