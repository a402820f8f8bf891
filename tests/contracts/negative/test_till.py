"""For each check of the suite ``till`` a plugin that is wrong in just that way."""

from dataclasses import replace
from typing import Any

import pytest
from wrong import Around, checks_of, must_fail, updated, wrapped

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.reference.cart.plugin import VENDOR as CART
from renkei_contracts.reference.till import records
from renkei_contracts.reference.till.plugin import VENDOR
from renkei_contracts.stage import StageContext, Staged
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.till import (
    CommitRequest,
    CouponHoldRequest,
    HoldRequest,
    QuoteRequest,
    ResolveMember,
    TillAnswer,
    TillCommand,
    TillProblem,
)
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.vendor import Vendor


def till(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "till", wrap)


def heard(kind: type[TillCommand], **values: Any) -> Vendor:
    """Reads commands of this kind with other values."""
    change = updated(**values)

    class Heard(Around):
        def command(self, delivery: Delivery) -> TillCommand:
            command: TillCommand = self.right.command(delivery)
            return change(command) if isinstance(command, kind) else command

    return till(Heard)


def sold(**values: Any) -> Vendor:
    """Reads the lines of sales with other values."""
    change = updated(**values)
    return heard(CommitRequest, lines=lambda lines: tuple(map(change, lines)))


def told(lost: str) -> Vendor:
    """Leaves a field out of every answer."""

    class Told(Around):
        def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
            body, content_type = self.right.answer(delivery, answer)
            ((kind, fields),) = records.read(body)
            fields.pop(lost, None)
            return records.write([(kind, fields)]), content_type

    return till(Told)


class Numbered(Around):
    """Makes up what the register did not say."""

    def command(self, delivery: Delivery) -> TillCommand:
        command: TillCommand = self.right.command(delivery)
        if not isinstance(command, CommitRequest):
            return command
        return command.model_copy(update={"sold_at": delivery.received_at})


class FirstOfTheDay(Around):
    """The settlement count is taken for nothing."""

    def command(self, delivery: Delivery) -> TillCommand:
        command: TillCommand = self.right.command(delivery)
        if not isinstance(command, CommitRequest):
            return command
        key = command.sale.model_copy(update={"settlement_count": 0})
        return command.model_copy(update={"sale": key})


class WrongCharacters(Around):
    """Decodes Shift_JIS as if it were Latin."""

    def command(self, delivery: Delivery) -> TillCommand:
        body = delivery.body.decode("latin-1").encode("cp932", "replace")
        return self.right.command(replace(delivery, body=body))  # type: ignore[no-any-return]


class EmptyIsSomebody(Around):
    def command(self, delivery: Delivery) -> TillCommand:
        command: TillCommand = self.right.command(delivery)
        if getattr(command, "member", "") is None:
            return command.model_copy(update={"member": "0"})
        return command


class TakesAnything(Around):
    """What it does not understand is a look-up."""

    def command(self, delivery: Delivery) -> TillCommand:
        try:
            return self.right.command(delivery)  # type: ignore[no-any-return]
        except PayloadInvalid:
            return ResolveMember(value="0")


class Crashes(Around):
    def command(self, delivery: Delivery) -> TillCommand:
        try:
            return self.right.command(delivery)  # type: ignore[no-any-return]
        except PayloadInvalid as error:
            if len(delivery.body) < 30:
                raise
            raise ValueError("invalid") from error


class OneNumberForAll(Around):
    """Nought is nothing, so that it is left empty."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        body, content_type = self.right.answer(delivery, answer)
        ((kind, fields),) = records.read(body)
        given = {name: value for name, value in fields.items() if value != 0}
        return records.write([(kind, given)]), content_type


class WordsOnly(Around):
    """A refusal is its words."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        if isinstance(answer, TillProblem):
            record = ("PROBLEM", {"message": answer.message})
            return records.write([record]), records.CONTENT_TYPE
        return self.right.answer(delivery, answer)  # type: ignore[no-any-return]


class AnswersAsIfHeld(Around):
    """A refusal comes in the shape of a success."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        if isinstance(answer, TillProblem):
            record = ("HELD", {"hold": "hld_0", "points": 0, "spendable": 0})
            return records.write([record]), records.CONTENT_TYPE
        return self.right.answer(delivery, answer)  # type: ignore[no-any-return]


class NamesAnother(Around):
    """Says of every request that it is of till 99."""

    def till(self, delivery: Delivery) -> tuple[str, str] | None:
        return "main", "99"


class AnswersWhatItUnderstands(Around):
    """Looks at the request before it answers."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        self.right.command(delivery)
        return self.right.answer(delivery, answer)  # type: ignore[no-any-return]


class Strict(Around):
    """A character that Shift_JIS does not have is an error."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        answer.model_dump_json().encode().decode().encode("cp932")
        return self.right.answer(delivery, answer)  # type: ignore[no-any-return]


class Calls(Around):
    """Asks the vendor who it is, in a thread of its own."""

    def command(self, delivery: Delivery) -> TillCommand:
        self.connection.http._transport._bench.exchanges.append(None)
        return self.right.command(delivery)  # type: ignore[no-any-return]


class CallsWhenItAnswers(Around):
    """Asks the vendor how to put it."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        self.connection.http._transport._bench.exchanges.append(None)
        return self.right.answer(delivery, answer)  # type: ignore[no-any-return]


WRONG: dict[str, Vendor] = {
    "a look up by card is understood": heard(ResolveMember, value=lambda card: card[1:]),
    "the kind of a look up is understood": heard(ResolveMember, scheme="card"),
    "a quote is understood": heard(QuoteRequest, points_wanted=0),
    "a quote for nobody is understood": till(EmptyIsSomebody),
    "a hold is understood": heard(HoldRequest, key="hold"),
    "a sale is understood": sold(tax_rate=1000),
    "what was paid with is understood": heard(CommitRequest, tenders=lambda told: (*told, *told)),
    "goods keep their names": till(WrongCharacters),
    "a sale that cannot be refused any more says so": heard(CommitRequest, occurred=False),
    "the same sale again is the same command": till(Numbered),
    "two sales have two keys": till(FirstOfTheDay),
    "a voided sale is understood": heard(CommitRequest, voided=False),
    "a refund is understood": sold(returned_quantity=0, returned_amount=0),
    "a sale to nobody is understood": till(EmptyIsSomebody),
    "coupons of a sale are understood": heard(CommitRequest, coupons=lambda codes: codes[:1]),
    "setting a coupon aside is understood": heard(CouponHoldRequest, ttl_seconds=900),
    "a request is of the register that its sales are of": till(NamesAnother),
    "rubbish is refused": till(TakesAnything),
    "a request that was cut off is no accident": till(Crashes),
    "translating calls nobody": till(Calls),
    "whose card it is is told": told("masked_name"),
    "no points are told as none": till(OneNumberForAll),
    "what a basket earns and may use is told": told("max_usable"),
    "a hold is told": told("hold"),
    "what was booked is told": told("earned"),
    "a coupon set aside is told": told("title"),
    "a refusal is told in words for the cashier": told("message"),
    "what to do about a refusal can be told apart": till(WordsOnly),
    "a refusal is no success": till(AnswersAsIfHeld),
    "who sends rubbish is told so": till(AnswersWhatItUnderstands),
    "any name can be told": till(Strict),
}
TABLE = {f"till: {name}": vendor for name, vendor in WRONG.items()}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("till")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)


async def test_a_twin_that_cannot_ask_fails_every_check() -> None:
    vendor = replace(VENDOR, twin=CART.twin, settings=CART.settings)
    outcome = await run_check(vendor, CHECKS["till: a look up by card is understood"])
    assert outcome.status == "failed"
    assert "own_format" in outcome.text


async def test_who_calls_somebody_to_answer_is_caught() -> None:
    await must_fail(till(CallsWhenItAnswers), "till: translating calls nobody")


def lacking(vendor: Vendor, *kinds: type[TillCommand]) -> Vendor:
    """The vendor, whose registers have no such command in their format."""
    assert vendor.twin is not None
    made = vendor.twin

    def twin(context: StageContext) -> Staged:
        register: Any = made(context)
        right = register.request

        def request(command: TillCommand) -> Outgoing:
            if isinstance(command, kinds):
                raise NotImplementedError("the format has no such command")
            sent: Outgoing = right(command)
            return sent

        register.request = request
        return register  # type: ignore[no-any-return]

    return replace(vendor, twin=twin)


async def outcomes_without(vendor: Vendor, *kinds: type[TillCommand]) -> dict[str, str]:
    told = [CHECKS[id] for id in sorted(checks_of("till"))]
    ran = [await run_check(lacking(vendor, *kinds), check) for check in told]
    return {one.check.name: one.status for one in ran}


async def test_a_format_of_look_ups_and_sales_alone_fails_nothing() -> None:
    told = await outcomes_without(VENDOR, QuoteRequest, HoldRequest, CouponHoldRequest)
    assert {name for name, status in told.items() if status != "passed"} == {
        "a request is of the register that its sales are of",
        "a quote is understood",
        "a quote for nobody is understood",
        "what a basket earns and may use is told",
        "a hold is understood",
        "a hold is told",
        "a coupon set aside is told",
        "setting a coupon aside is understood",
    }
    assert "failed" not in told.values()


async def test_what_a_format_has_is_checked_though_it_lacks_holds() -> None:
    told = await outcomes_without(till(Crashes), HoldRequest)
    assert told["a request that was cut off is no accident"] == "failed"
