"""The till: what a register hears, in its vendor's own format."""

from collections.abc import Sequence
from datetime import timedelta

from renkei_contracts.testing.bench import START, Bench
from renkei_contracts.testing.checks import must, succeeds
from renkei_contracts.testing.suites.till import (
    CARD,
    LINES,
    RUBBISH,
    SALE,
    asked,
    delivered,
    heard,
    sayable,
    suite,
    translator,
)
from renkei_contracts.till import (
    CommitAnswer,
    CouponHoldAnswer,
    CouponHoldRequest,
    HoldAnswer,
    HoldRequest,
    MemberAnswer,
    QuoteAnswer,
    QuoteRequest,
    RateTotal,
    ResolveMember,
    TillAnswer,
    TillCommand,
    TillProblem,
)
from renkei_contracts.twin.emitter import Outgoing

WHO = ResolveMember(scheme="card", value=CARD)
QUOTE = QuoteRequest(member="mem_1", lines=LINES, points_wanted=300)
HOLD = HoldRequest(key="main/1/77", member="mem_1", points=300)
COUPON = CouponHoldRequest(code="SPRING-1", member="mem_1")

MEMBER = MemberAnswer(
    member="mem_1", masked_name="山＊ 花＊", card=CARD, spendable=1_234, pending=56,
    balance_version=7, as_of=START,
)  # fmt: skip
QUOTED = QuoteAnswer(
    earns=139, max_usable=1_234, points_used=300, total=15_020,
    rates=(RateTotal(tax_rate=800, total=4_236, points_discount=84, tax=313),),
    program="program", program_version=1, balance_version=7,
)  # fmt: skip
HELD = HoldAnswer(
    hold="hld_1", points=300, lapses_at=START + timedelta(minutes=15), spendable=934,
    balance_version=8,
)  # fmt: skip
BOOKED = CommitAnswer(
    sale="main|1|2026-07-01|2|0042", revision=1, member="mem_1", earned=139, used=300,
    spendable=934, balance_version=9, as_of=START,
)  # fmt: skip
ASIDE = CouponHoldAnswer(
    code="SPRING-1", name="spring", title="春の100円引き", benefit="100円引き",
    lapses_at=START + timedelta(minutes=15),
)  # fmt: skip
UNKNOWN_CARD = TillProblem(
    code="member_not_found", message="会員が見つかりません。もう一度読み取ってください",
    retryable=False, action="rescan",
)  # fmt: skip
LAPSED = TillProblem(
    code="hold_not_found", message="ポイントの仮押さえが見つかりません", retryable=False,
    action="call_staff",
)  # fmt: skip
BUSY = TillProblem(
    code="busy", message="混み合っています。もう一度お試しください", retryable=True, action="retry"
)
UNREADABLE = TillProblem(
    code="request_invalid",
    message="送信の内容に誤りがあります",
    retryable=False,
    action="call_staff",
)

ODD = "𠮷田 〜―‖−①髙﨑ｶﾅ😀,\"\r\n'<&>"
"""Characters that some encoding or format does not have, or takes for its own."""


def _says(bench: Bench, ask: TillCommand, answer: TillAnswer, names: Sequence[str]) -> None:
    """The register must take these from the answer, and nothing that is not in it."""
    taken, told = heard(bench, ask, answer), answer.model_dump()
    missing = [name for name in names if taken.get(name) != told[name]]
    must(not missing, f"answer() must tell the register {', '.join(missing)} as the answer has it")


@suite.check()
async def whose_card_it_is_is_told(bench: Bench) -> None:
    """And what they can spend."""
    _says(bench, WHO, MEMBER, ("member", "masked_name", "spendable"))


@suite.check()
async def no_points_are_told_as_none(bench: Bench) -> None:
    """Not as nothing: the display would keep the points of the customer before."""
    _says(bench, WHO, MEMBER.model_copy(update={"spendable": 0}), ("member", "spendable"))
    _says(bench, SALE, BOOKED.model_copy(update={"earned": 0, "used": 0}), ("earned", "used"))


@suite.check()
async def what_a_basket_earns_and_may_use_is_told(bench: Bench) -> None:
    """The cashier asks how many points to use."""
    _says(bench, QUOTE, QUOTED, ("earns", "max_usable", "points_used"))


@suite.check()
async def a_hold_is_told(bench: Bench) -> None:
    """The register names it when it commits."""
    _says(bench, HOLD, HELD, ("hold", "points"))


@suite.check()
async def what_was_booked_is_told(bench: Bench) -> None:
    """It is printed on the receipt."""
    _says(bench, SALE, BOOKED, ("earned", "used", "spendable"))


@suite.check()
async def a_coupon_set_aside_is_told(bench: Bench) -> None:
    """With what it gives."""
    _says(bench, COUPON, ASIDE, ("code", "title"))


@suite.check()
async def a_refusal_is_told_in_words_for_the_cashier(bench: Bench) -> None:
    """An unknown card, and a hold that has lapsed."""
    for ask, problem in ((WHO, UNKNOWN_CARD), (SALE, LAPSED)):
        _says(bench, ask, problem, ("message",))


@suite.check()
async def what_to_do_about_a_refusal_can_be_told_apart(bench: Bench) -> None:
    """Scan again, call somebody, or try again."""
    told = [
        {key: value for key, value in heard(bench, SALE, one).items() if key != "message"}
        for one in (UNKNOWN_CARD, LAPSED, BUSY)
    ]
    must(
        all(one not in told[:at] for at, one in enumerate(told)),
        "answer() must tell code, action or retryable of a problem besides its words",
    )


@suite.check()
async def a_refusal_is_no_success(bench: Bench) -> None:
    """No register must take it for a hold, or a sale that is booked."""
    successes: dict[TillCommand, TillAnswer] = {WHO: MEMBER, HOLD: HELD, SALE: BOOKED}
    for ask in sayable(bench, list(successes)):
        refused, done = heard(bench, ask, LAPSED), heard(bench, ask, successes[ask])
        must(
            not (set(done) - set(LAPSED.model_dump())) & set(refused),
            "answer() must not put into a refusal what only a success has",
        )


@suite.check()
async def who_sends_rubbish_is_told_so(bench: Bench) -> None:
    """In its own format, too: nobody at the register reads ours."""
    for body in RUBBISH:
        try:
            translator(bench).answer(delivered(bench, Outgoing({}, body)), UNREADABLE)
        except Exception as error:
            must(
                False,
                "answer() must tell a refusal of what command() does not understand, "
                f"not raise {type(error).__name__}",
            )


@suite.check()
async def any_name_can_be_told(bench: Bench) -> None:
    """A rare character must not stop a sale."""
    coupon = ASIDE.model_copy(update={"title": ODD, "benefit": ODD})
    with succeeds("answer() must put another mark for a character that the register lacks"):
        _says(bench, WHO, MEMBER.model_copy(update={"masked_name": ODD}), ("member", "spendable"))
        heard(bench, SALE, LAPSED.model_copy(update={"message": ODD}))
        if COUPON in sayable(bench, (WHO, COUPON)):
            _says(bench, COUPON, coupon, ("code",))


@suite.check()
async def translating_calls_nobody(bench: Bench) -> None:
    """A customer waits at the register."""
    asked(bench, SALE)
    heard(bench, SALE, BOOKED)
    must(not bench.exchanges, "command() and answer() must be pure: no call to anybody")
