"""Deliveries: what is accepted and what is refused."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta

from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.bodies import json_body
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.shop import enrolled
from renkei_contracts.testing.vectors import (
    ODD_TEXTS,
    accepts,
    changed,
    likenesses,
    many,
    other_case,
    other_first,
    proofs,
    proving,
    sample,
    secrets_of,
    strangers,
    unsigned,
    valid,
    value_of,
    with_body,
)

suite = Suite("webhooks", "webhooks")


@suite.check()
async def a_delivery_of_the_vendor_is_accepted(bench: Bench) -> None:
    """The way of every sale."""
    for delivery in await sample(bench):
        must(
            accepts(bench, delivery),
            "verify() must accept what the vendor signs: compare over the raw body as it came",
        )


@suite.check()
async def headers_are_found_in_any_case(bench: Bench) -> None:
    """HTTP/2 sends them in lower case, HTTP/1.1 as the vendor writes them."""
    for delivery in await sample(bench):
        loud = tuple((name.upper(), value) for name, value in delivery.headers)
        told = "verify() must find headers in any case: read them with Delivery.header()"
        must(accepts(bench, replace(delivery, headers=loud)), told)


@suite.check()
async def a_forged_signature_is_refused(bench: Bench) -> None:
    """Every header and the address that prove something, each with another first character."""
    for delivery in await sample(bench):
        for place in proofs(bench, delivery):
            forged = changed(delivery, place, other_first(value_of(delivery, place)))
            must(not accepts(bench, forged), f"verify() must compare all of {place}")


@suite.check()
async def a_truncated_signature_is_refused(bench: Bench) -> None:
    """A comparison that ends with the shorter of the two is none."""
    for delivery in await sample(bench):
        for place in proofs(bench, delivery):
            whole = value_of(delivery, place)
            for part in (whole[:-1], whole[: len(whole) // 2], whole[:1]):
                cut = changed(delivery, place, part)
                told = f"verify() must refuse a part of {place}: compare the whole of both"
                must(not accepts(bench, cut), told)


@suite.check()
async def a_lengthened_signature_is_refused(bench: Bench) -> None:
    """Nor is one that ends with the right one."""
    for delivery in await sample(bench):
        for place in proofs(bench, delivery):
            longer = changed(delivery, place, value_of(delivery, place) + "A")
            told = f"verify() must refuse more than {place}: compare the whole of both"
            must(not accepts(bench, longer), told)


@suite.check()
async def a_signature_in_another_case_is_refused(bench: Bench) -> None:
    """Capitals and small letters of base64 and of a secret are not the same."""
    given = {str(value).lower() for name, value in bench.settings().items()}
    for delivery in await sample(bench):
        for place in proofs(bench, delivery):
            value = value_of(delivery, place)
            # What names the account, such as a domain, may be written either way.
            if value.lower() in given - {one.lower() for one in secrets_of(bench).values()}:
                continue
            for other in other_case(value):
                told = f"verify() must compare {place} as it is, in its own case"
                must(not accepts(bench, changed(delivery, place, other)), told)


@suite.check()
async def an_empty_signature_is_refused(bench: Bench) -> None:
    """The header is there and says nothing."""
    for delivery in await sample(bench):
        for place in proofs(bench, delivery):
            must(
                not accepts(bench, changed(delivery, place, "")), f"an empty {place} proves nothing"
            )


@suite.check()
async def an_unsigned_delivery_is_refused(bench: Bench) -> None:
    """Nothing proves it, and a secret is configured."""
    for delivery in await sample(bench):
        bare = unsigned(bench, delivery)
        must(not accepts(bench, bare), "verify() must refuse a delivery without any proof")


@suite.check()
async def without_a_configured_secret_everything_is_refused(bench: Bench) -> None:
    """An endpoint without a secret is closed, not open."""
    for delivery in await sample(bench):
        names = list(proving(bench, delivery))
        empty = [dict.fromkeys(names, ""), *({name: ""} for name in names)]
        nothing = [one for one in empty if valid(bench, **one)]
        if not nothing:
            raise NotApplicable("the settings demand a secret: there is no connection without one")
        bare = unsigned(bench, delivery)
        for settings in nothing:
            told = f"verify() must refuse everything while {', '.join(settings)} is empty"
            must(not accepts(bench, delivery, **settings), f"{told}: fail closed")
            must(not accepts(bench, bare, **settings), f"{told}: fail closed")


@suite.check()
async def a_delivery_of_another_connection_is_refused(bench: Bench) -> None:
    """Every secret of the settings is another connection's."""
    others = {name: strangers(value) for name, value in secrets_of(bench).items()}
    for delivery in await sample(bench):
        for several in zip(*others.values(), strict=True):
            theirs = dict(zip(others, several, strict=True))
            theirs = {name: one for name, one in theirs.items() if valid(bench, **{name: one})}
            told = "verify() must refuse what was made with the secrets of another connection"
            must(not theirs or not accepts(bench, delivery, **theirs), told)


@suite.check()
async def a_secret_that_only_begins_alike_is_refused(bench: Bench) -> None:
    """Secrets are compared whole, too, from the first character to the last."""
    for delivery in await sample(bench):
        for name, secret in proving(bench, delivery).items():
            for alike in likenesses(secret):
                if valid(bench, **{name: alike}):
                    told = f"verify() must use the whole of {name} as it is, and nothing but it"
                    must(not accepts(bench, delivery, **{name: alike}), told)


@suite.check()
async def a_delivery_for_another_account_is_refused(bench: Bench) -> None:
    """One secret may sign for many shops: the account that the delivery names must be ours."""
    given = bench.settings()
    public = {name: str(value) for name, value in given.items() if name not in secrets_of(bench)}
    for delivery in await sample(bench):
        sent = {value for _, value in delivery.headers}
        named = {name: value for name, value in public.items() if value and value in sent}
        # Longer, and shorter: the name of one account may begin or end with that of another.
        others = [
            (name, other)
            for name, value in named.items()
            for other in (f"a{value}", f"{value}a", value[1:], value[:-1])
            if other and valid(bench, **{name: other})
        ]
        if not others:
            raise NotApplicable("no header of a delivery names the account")
        for name, value in others:
            told = f"verify() must refuse a delivery whose header names another {name}"
            must(not accepts(bench, delivery, **{name: value}), told)


@suite.check("rotate")
async def a_rotated_secret_and_the_one_before_it_are_both_accepted(bench: Bench) -> None:
    """What was under way when the secret changed arrives later."""
    buyer = await enrolled(bench.twin)
    before = await sample(bench, buyer)
    await bench.twin.rotate()
    for delivery in [*before, *await sample(bench, buyer)]:
        told = "while a secret is rotated, verify() must accept the new one and the one before it"
        must(accepts(bench, delivery), told)


@suite.check("rotate")
async def a_secret_that_was_taken_out_is_refused(bench: Bench) -> None:
    """The rotation ends when the old secret leaves the settings."""
    before, given = await sample(bench), secrets_of(bench)
    await bench.twin.rotate()
    moved = {name for name, value in secrets_of(bench).items() if given.get(name) != value}
    out = {name: "" for name in moved if secrets_of(bench)[name] in given.values()}
    if not out or not valid(bench, **out):
        raise NotApplicable("the settings have no place for the secret that is being replaced")
    for delivery in before:
        known = "verify() must accept the secret that is being replaced while it is in the settings"
        must(accepts(bench, delivery), known)
        told = f"verify() must refuse what an old secret signed once {', '.join(out)} is empty"
        must(not accepts(bench, delivery, **out), told)


@suite.check()
async def a_signature_of_another_delivery_is_refused(bench: Bench) -> None:
    """Each proof of one delivery is put on the next, where the two differ."""
    for one, next in itertools.pairwise(await many(bench)):
        for place in proofs(bench, one):
            other = value_of(next, place)
            if other != value_of(one, place) and one.body != next.body:
                told = f"verify() must refuse {place} of another delivery: it covers the body"
                must(not accepts(bench, changed(one, place, other)), told)


def _tolerance(bench: Bench) -> timedelta:
    tolerance = bench.webhooks().tolerance
    if tolerance is None:
        raise NotApplicable("the vendor signs no time")
    return tolerance


@suite.check()
async def a_stale_delivery_is_refused(bench: Bench) -> None:
    """Somebody kept it and sends it again."""
    tolerance = _tolerance(bench)
    sent = await sample(bench)
    bench.clock.forward(tolerance + timedelta(seconds=2))
    for delivery in sent:
        must(not accepts(bench, delivery), f"verify() must refuse what is older than {tolerance}")


@suite.check()
async def a_delivery_from_the_future_is_refused(bench: Bench) -> None:
    """A time ahead of ours would keep it fresh for as long."""
    tolerance = _tolerance(bench)
    began = bench.clock()
    bench.clock.forward(tolerance + timedelta(seconds=2))
    for delivery in await sample(bench):
        try:
            bench.webhooks().verify(delivery, began)
        except SignatureInvalid:
            continue
        must(False, f"verify() must refuse a time more than {tolerance} ahead of now")


@suite.check()
async def a_late_delivery_within_the_tolerance_is_accepted(bench: Bench) -> None:
    """Vendors queue; clocks differ."""
    tolerance = _tolerance(bench)
    sent = await sample(bench)
    bench.clock.forward(tolerance - timedelta(seconds=2))
    for delivery in sent:
        must(accepts(bench, delivery), f"verify() must accept what is not older than {tolerance}")


@suite.check()
async def a_stale_delivery_with_a_fresh_time_is_refused(bench: Bench) -> None:
    """The time is under the signature, or it says nothing."""
    tolerance = _tolerance(bench)
    buyer = await enrolled(bench.twin)
    old = (await sample(bench, buyer))[0]
    bench.clock.forward(2 * tolerance)
    fresh = (await sample(bench, buyer))[0]
    for place in {key.lower() for key, _ in fresh.headers}:
        mixed = changed(old, place, value_of(fresh, place))
        told = f"verify() must refuse an old delivery with a new {place}: sign the time as well"
        must(not accepts(bench, mixed), told)


def _signs_body(bench: Bench) -> None:
    if not bench.webhooks().signs_body:
        raise NotApplicable("the vendor does not sign the body")


@suite.check()
async def a_body_with_one_byte_changed_is_refused(bench: Bench) -> None:
    """Anywhere in it."""
    _signs_body(bench)
    for delivery in await sample(bench):
        for place in {0, len(delivery.body) // 2, len(delivery.body) - 1}:
            flipped = bytearray(delivery.body)
            flipped[place] ^= 1
            told = "verify() must refuse a body of which one byte was changed"
            must(not accepts(bench, with_body(delivery, bytes(flipped))), told)


@suite.check()
async def a_truncated_body_is_refused(bench: Bench) -> None:
    """Down to nothing at all."""
    _signs_body(bench)
    for delivery in await sample(bench):
        for length in {0, 1, len(delivery.body) // 2, len(delivery.body) - 1}:
            told = "verify() must refuse a part of the body: sign all of it"
            must(not accepts(bench, with_body(delivery, delivery.body[:length])), told)


@suite.check()
async def a_body_with_something_appended_is_refused(bench: Bench) -> None:
    """Even if it is only a line's end."""
    _signs_body(bench)
    for delivery in await sample(bench):
        for more in (b"\n", b" ", b"\x00", b"{}"):
            told = "verify() must refuse a body with more at its end: do not trim it"
            must(not accepts(bench, with_body(delivery, delivery.body + more)), told)


@suite.check()
async def a_re_encoded_body_is_refused(bench: Bench) -> None:
    """The same JSON in other bytes: a plugin that verifies what it parsed takes it."""
    _signs_body(bench)
    for delivery in await sample(bench):
        if json_body(delivery.body) is None:
            raise NotApplicable("the body is not JSON")
        for indent in (None, 1, 3):
            again = json.dumps(json_body(delivery.body), indent=indent).encode()
            if again != delivery.body:
                told = "verify() must compare over the raw bytes, not over JSON written again"
                must(not accepts(bench, with_body(delivery, again)), told)


@suite.check()
async def any_bytes_as_a_body_are_judged_without_a_crash(bench: Bench) -> None:
    """Verification comes before reading: the body may be anything."""
    signs = bench.webhooks().signs_body
    for delivery in await sample(bench):
        for body in (
            b"",
            b"\xff\xfe",
            b"[" * 100_000,
            b"[]",
            b"1",
            b'"a"',
            b"{" + b" " * 1_000_000,
        ):
            taken = accepts(bench, with_body(delivery, body))
            must(not (signs and taken), "verify() must refuse any other body than the signed one")


@suite.check()
async def any_text_in_a_header_is_refused_without_a_crash(bench: Bench) -> None:
    """Letters beyond ASCII, numbers that are none, and far too much of it."""
    for delivery in await sample(bench):
        for place in proofs(bench, delivery):
            for text in ODD_TEXTS:
                told = f"verify() must raise SignatureInvalid for {text[:9]!a} in {place}"
                must(not accepts(bench, changed(delivery, place, text)), told)
