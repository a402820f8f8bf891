"""For each check of ``webhooks`` a plugin that is wrong in that way."""

from dataclasses import replace
from typing import Any

import pytest
import wrong_hooks as w
from wrong import checks_of, must_fail, wrapped

from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.vendor import Vendor


def hooks(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "webhooks", wrap)


WRONG: dict[str, Any] = {
    "a delivery of the vendor is accepted": w.RefusesAll,
    "headers are found in any case": w.ExactCase,
    "a forged signature is refused": w.ComparesFromTheSecond,
    "a truncated signature is refused": w.ComparesAPrefix,
    "a lengthened signature is refused": w.ComparesABeginning,
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
}

TABLE = {f"webhooks: {name}": hooks(wrap) for name, wrap in WRONG.items()} | {
    "webhooks: every reference is of this connection": replace(
        VENDOR, webhooks=lambda given: VENDOR.webhooks(replace(given, id="another"))
    )
}

CRASHING = {
    "webhooks: any text in a header is refused without a crash",
    "webhooks: a body of another kind is invalid",
    "webhooks: any missing key is read or invalid",
    "webhooks: any other type is read or invalid",
}
"""Where to crash is to be wrong."""


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("webhooks")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE, id, crashes=id in CRASHING)
