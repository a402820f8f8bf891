"""The till: what a register asks in its vendor's own format, and what it hears."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar

from renkei_contracts import capability
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.order import LineItem, Tender, TillKey
from renkei_contracts.testing.bench import CONNECTION, START, Bench, made
from renkei_contracts.testing.checks import CheckFailed, NotApplicable, Suite, must
from renkei_contracts.till import (
    CommitRequest,
    CouponHoldRequest,
    CouponReleaseRequest,
    HoldRequest,
    QuoteRequest,
    ResolveMember,
    TillAnswer,
    TillCommand,
)
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.own_format import OwnFormat

C = TypeVar("C", bound=TillCommand)

suite = Suite("till", "till")

CARD = "2900000000018"

LINES = (
    LineItem(id="1", sku="YOKAN-01", title="羊羹", quantity=2, amount=4_320, tax_rate=800),
    LineItem(id="2", sku="KYUSU-01", title="急須、朱泥", quantity=1, amount=11_000, tax_rate=1000),
)

SALE = CommitRequest(
    sale=TillKey(
        store="main", till="1", business_date=date(2026, 7, 1), settlement_count=2,
        receipt_number="0042",
    ),
    sold_at=START,
    member="mem_1",
    hold="hld_1",
    points_used=300,
    lines=LINES,
    tenders=(Tender(kind="cash", amount=15_020),),
    occurred=True,
)  # fmt: skip

SOLD = ("sale", "revision", "sold_at", "member", "hold", "points_used", "voided")
"""What must not be lost of a sale besides its lines."""

RUBBISH = (
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe\xfd",
    b"{",
    b"[]",
    b"null",
    b"<html></html>",
    b"SALE",
    b"hello, world",
    "山田".encode(),
    b"0" * 10_000,
)


def register(bench: Bench) -> OwnFormat:
    """The twin, which must be able to ask in the vendor's format."""
    twin = bench.twin
    if isinstance(twin, OwnFormat):
        return twin
    raise CheckFailed(
        "the twin of a vendor with the capability `till` must ask in the vendor's own format: "
        "see twin/own_format.py"
    )


def translator(bench: Bench) -> capability.Till:
    """The capability."""
    return made(bench.vendor.till, bench.connection())


def delivered(bench: Bench, sent: Outgoing) -> Delivery:
    """What the register sent, as it arrives."""
    return Delivery(CONNECTION, bench.clock(), tuple(sent.headers.items()), sent.body)


def requested(bench: Bench, command: TillCommand) -> Outgoing:
    """What the register sends to ask this, where its format has the command."""
    try:
        return register(bench).request(command)
    except NotImplementedError as reason:
        raise NotApplicable(f"{reason}" or f"no {type(command).__name__} there") from None


def sayable(bench: Bench, commands: Sequence[TillCommand]) -> list[TillCommand]:
    """Those of the commands that the format has; it does not apply where it has none of them."""
    found, reason = [], "no command to ask"
    for command in commands:
        try:
            requested(bench, command)
        except NotApplicable as lacking:
            reason = str(lacking)
        else:
            found.append(command)
    if not found:
        raise NotApplicable(reason)
    return found


def asked(bench: Bench, command: C) -> C:
    """The command that comes of it when the register asks this."""
    come = translator(bench).command(delivered(bench, requested(bench, command)))
    must(
        isinstance(come, type(command)),
        f"command() must make a {type(command).__name__} of it, not a {type(come).__name__}",
    )
    assert isinstance(come, type(command))
    return come


def heard(bench: Bench, command: TillCommand, answer: TillAnswer) -> Mapping[str, object]:
    """What the register takes from this answer to that."""
    sent = delivered(bench, requested(bench, command))
    body, content_type = translator(bench).answer(sent, answer)
    return register(bench).understood(body, content_type)


def _kept(come: TillCommand, command: TillCommand, names: Sequence[str]) -> None:
    lost = [name for name in names if getattr(come, name) != getattr(command, name)]
    must(not lost, f"command() must keep what the register said; it lost {', '.join(lost)}")


def _lines_kept(come: Sequence[LineItem], told: Sequence[LineItem]) -> None:
    names = ("quantity", "amount", "tax_rate", "tax_included", "returned_amount")
    must(
        [[getattr(line, name) for name in names] for line in come]
        == [[getattr(line, name) for name in names] for line in told],
        f"command() must keep of each line {', '.join(names)}",
    )


@suite.check()
async def a_look_up_by_card_is_understood(bench: Bench) -> None:
    """The first thing a cashier does."""
    ask = ResolveMember(scheme="card", value=CARD)
    _kept(asked(bench, ask), ask, ("value",))


@suite.check()
async def the_kind_of_a_look_up_is_understood(bench: Bench) -> None:
    """A phone number must not be looked for among the cards."""
    for ask in (
        ResolveMember(scheme="card", value=CARD),
        ResolveMember(scheme="phone", value="09012345678"),
    ):
        _kept(asked(bench, ask), ask, ("scheme", "value"))


@suite.check()
async def a_quote_is_understood(bench: Bench) -> None:
    """What would it earn, and how many points may it use?"""
    ask = QuoteRequest(member="mem_1", lines=LINES, points_wanted=300)
    come = asked(bench, ask)
    _kept(come, ask, ("member", "points_wanted"))
    _lines_kept(come.lines, ask.lines)


@suite.check()
async def a_quote_for_nobody_is_understood(bench: Bench) -> None:
    """No card was read yet."""
    come = asked(bench, QuoteRequest(lines=LINES))
    must(come.member is None, "a register that names no member means nobody: None, not empty")


@suite.check()
async def a_hold_is_understood(bench: Bench) -> None:
    """The register's key names it: the same again is the same hold."""
    ask = HoldRequest(key="main/1/77", member="mem_1", points=300, ttl_seconds=120)
    _kept(asked(bench, ask), ask, ("key", "member", "points", "ttl_seconds"))


@suite.check()
async def a_sale_is_understood(bench: Bench) -> None:
    """All that settles it."""
    come = asked(bench, SALE)
    _kept(come, SALE, SOLD)
    _lines_kept(come.lines, SALE.lines)


@suite.check()
async def what_was_paid_with_is_understood(bench: Bench) -> None:
    """Some campaigns ask for it."""
    come = asked(bench, SALE)
    if not come.tenders:
        raise NotApplicable("the format does not say what was paid with")
    _kept(come, SALE, ("tenders",))


@suite.check()
async def goods_keep_their_names(bench: Bench) -> None:
    """Campaigns are about products, and receipts are read by people."""
    come = asked(bench, SALE)
    must(
        [(line.sku, line.title) for line in come.lines]
        == [(line.sku, line.title) for line in SALE.lines],
        "command() must decode the vendor's text as it is encoded, and keep sku and title",
    )


@suite.check()
async def a_sale_that_cannot_be_refused_any_more_says_so(bench: Bench) -> None:
    """The receipt is printed, or the till was offline."""
    come = [asked(bench, SALE.model_copy(update={"occurred": said})) for said in (True, False)]
    must(
        [one.occurred for one in come] == [True, False],
        "occurred must be what the register says: a printed receipt is not refused",
    )


@suite.check()
async def the_same_sale_again_is_the_same_command(bench: Bench) -> None:
    """A register repeats what was not answered; key and revision make it once."""
    first = asked(bench, SALE)
    bench.clock.forward(timedelta(minutes=3))
    must(
        asked(bench, SALE) == first,
        "command() must be pure: the same request later is the same command, nothing of it made "
        "up from the clock or at random",
    )


@suite.check()
async def two_sales_have_two_keys(bench: Bench) -> None:
    """Receipt numbers restart after each settlement, and each day."""
    key = SALE.sale
    others = [
        key.model_copy(update={"receipt_number": "0043"}),
        key.model_copy(update={"settlement_count": 3}),
        key.model_copy(update={"business_date": date(2026, 7, 2)}),
        key.model_copy(update={"till": "2"}),
        key.model_copy(update={"store": "kyoto"}),
    ]
    come = [asked(bench, SALE.model_copy(update={"sale": one})).sale for one in (key, *others)]
    must(
        len({str(one) for one in come}) == len(come),
        "the natural key must hold store, till, business day, settlement count and receipt number",
    )


@suite.check()
async def a_voided_sale_is_understood(bench: Bench) -> None:
    """As if it had not been."""
    ask = SALE.model_copy(update={"revision": 2, "voided": True, "points_used": 0})
    _kept(asked(bench, ask), ask, SOLD)


@suite.check()
async def a_refund_is_understood(bench: Bench) -> None:
    """The sale again, with what came back, as a higher revision."""
    back = LINES[0].model_copy(update={"returned_quantity": 1, "returned_amount": 2_160})
    ask = SALE.model_copy(update={"revision": 3, "lines": (back, LINES[1])})
    come = asked(bench, ask)
    _kept(come, ask, SOLD)
    _lines_kept(come.lines, ask.lines)


@suite.check()
async def a_sale_to_nobody_is_understood(bench: Bench) -> None:
    """It counts, and earns nobody anything."""
    ask = SALE.model_copy(update={"member": None, "hold": None, "points_used": 0})
    _kept(asked(bench, ask), ask, ("member", "hold", "points_used"))


@suite.check()
async def coupons_of_a_sale_are_understood(bench: Bench) -> None:
    """Each by its code."""
    ask = SALE.model_copy(update={"coupons": ("SPRING-1", "SPRING-2")})
    come = asked(bench, ask)
    _kept(come, ask, ("coupons",))


@suite.check()
async def setting_a_coupon_aside_is_understood(bench: Bench) -> None:
    """And giving it back."""
    hold = CouponHoldRequest(code="SPRING-1", member="mem_1", ttl_seconds=60)
    _kept(asked(bench, hold), hold, ("code", "member", "ttl_seconds"))
    release = CouponReleaseRequest(code="SPRING-1")
    _kept(asked(bench, release), release, ("code",))


@suite.check()
async def a_request_is_of_the_register_that_its_sales_are_of(bench: Bench) -> None:
    """Otherwise one register's look-ups would count for another."""
    till = translator(bench)
    if not isinstance(till, capability.TillNaming):
        raise NotApplicable("only its sales say which register they are of")
    sent = requested(bench, SALE)
    must(
        till.till(delivered(bench, sent)) in (None, (SALE.sale.store, SALE.sale.till)),
        "till() must give store and till of the request as command() gives those of a sale",
    )


@suite.check()
async def rubbish_is_refused(bench: Bench) -> None:
    """Anybody may call."""
    for body in RUBBISH:
        _refused_or_understood(bench, body, refused=True)


@suite.check()
async def a_request_that_was_cut_off_is_no_accident(bench: Bench) -> None:
    """Wherever it is cut, and whatever byte is wrong."""
    hold = HoldRequest(key="main/1/77", member="mem_1", points=300)
    for command in sayable(bench, (SALE, hold)):
        body = requested(bench, command).body
        for at in range(0, len(body), 3):
            _refused_or_understood(bench, body[:at])
            _refused_or_understood(bench, body[:at] + b"\x9f" + body[at + 1 :])
            _refused_or_understood(bench, body[:at] + b"-" + body[at + 1 :])


def _refused_or_understood(bench: Bench, body: bytes, *, refused: bool = False) -> None:
    try:
        translator(bench).command(delivered(bench, Outgoing({}, body)))
    except PayloadInvalid:
        return
    except Exception as error:
        must(
            False,
            f"command() must raise PayloadInvalid for what it cannot understand, "
            f"not {type(error).__name__}",
        )
    must(not refused, f"command() must raise PayloadInvalid for {body[:20]!r}: it is no request")
