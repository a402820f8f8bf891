"""Where a program touches a law of Japan: warnings for whoever publishes it, no refusals. Pure.

Each names its source. They are notes of engineers for a professional to confirm, and complete in
nothing: what a program does not say, such as how a campaign is advertised, nobody can check here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from renkei.loyalty.activity import Activity
from renkei.loyalty.campaign import Campaign
from renkei.loyalty.program import Program
from renkei.loyalty.reward import Reward

SMALL_PURCHASE = 1_000
SMALL_PREMIUM = 200
PREMIUM_PERCENT = 20
"""A premium for every buyer: ¥200 below a purchase of ¥1,000, else 20 % of it (総付景品)."""

PREMIUMS = "景品表示法・総付景品告示: ¥200 below ¥1,000, else 20 %"
OWN_DISCOUNT = (
    "free of the limit only while points do no more than lower the price in your own shops "
    "(総付運用基準 4(2)), not where they buy a certain product or another company's points"
)
AT_LEAST = re.compile(r"order\.total\s*(>=?)\s*(\d{1,12})")


@dataclass(frozen=True, slots=True)
class LawWarning:
    """What touches a law: where in the program, why, and the source."""

    place: str
    text: str
    source: str


KEPT = {
    "prescription": (
        "no points on the patient's share of an insured prescription, and none may pay it; "
        "over 1 % or advertised, even on other grounds, draws guidance",
        "療担規則・薬担規則 (since October 2012), 2017 notice",
    ),
    "tobacco": (
        "tobacco is sold at its fixed price: points on it are a discount",
        "たばこ事業法 36条",
    ),
    "stamps": (
        "postage and revenue stamps are sold at their face value",
        "郵便切手類販売所等に関する法律, 印紙をもつてする歳入金納付に関する法律",
    ),
}
"""Product classes of the default list that a law stands behind."""


def warnings(program: Program) -> tuple[LawWarning, ...]:
    """Everything found, in the order of the document."""
    return (
        *_of_classes(program),
        *_of_redeeming(program),
        *(one for campaign in program.campaigns for one in _of_campaign(campaign, program)),
        *(one for activity in program.activities for one in _of_activity(activity, program)),
        *(one for reward in program.rewards for one in _of_reward(reward, program)),
        *_of_earning(program),
    )


def _of_classes(program: Program) -> Iterator[LawWarning]:
    for name in program.earn.keep:
        if name in KEPT:
            text, source = KEPT[name]
            yield LawWarning(f"earn.keep {name}", text, source)


def _of_redeeming(program: Program) -> Iterator[LawWarning]:
    least = max(program.redeem.minimum, program.redeem.unit)
    if least > 1:
        yield LawWarning(
            "redeem",
            f"points can be used from {least} on: income may be deferred for points only if each "
            "is worth something by itself; ask your accountant",
            "法人税基本通達 2-1-1の7",
        )


def _of_earning(program: Program) -> Iterator[LawWarning]:
    for place, share in _own_shares(program).items():
        if share > PREMIUM_PERCENT:
            yield _premium(place, f"points are worth {float(share):g} % of the price")


def _own_shares(program: Program) -> dict[str, Fraction]:
    """What the program's own points are worth, as percent of the price."""
    earn = program.earn
    rates = {"earn": (earn.points, earn.per_yen)}
    rates |= {f"earn.rates {one.name}": (one.points, one.per_yen) for one in earn.rates}
    worth = 100 * program.redeem.yen_per_point
    return {place: Fraction(points * worth, yen) for place, (points, yen) in rates.items()}


def _of_campaign(campaign: Campaign, program: Program) -> Iterator[LawWarning]:
    place = f"campaigns {campaign.name}"
    worth = program.redeem.yen_per_point
    if campaign.fixed is not None and campaign.fixed * worth > _limit(_least_purchase(campaign)):
        least = _least_purchase(campaign)
        given = f"¥{campaign.fixed * worth:,} for a purchase of ¥{least:,} or more"
        yield _premium(place, f"it gives {given}, the limit is ¥{_limit(least):,}")
    share = _share(campaign, program)
    if share > PREMIUM_PERCENT:
        yield _premium(place, f"with it, points are worth up to {float(share):g} % of the price")
    if "facts" in campaign.when:
        yield LawWarning(
            place,
            "it hangs on a fact: say where it is announced who decides that, by what and when",
            "景品表示法 5条2号 (有利誤認)",
        )


def _share(campaign: Campaign, program: Program) -> Fraction:
    """What a line of the campaign earns at most, as percent of its price; 0 for fixed points."""
    own = _own_shares(program)
    if campaign.percent is not None:
        more = own["earn"] * (campaign.percent - 100) / 100
    elif campaign.points is not None:
        more = Fraction(100 * campaign.points * program.redeem.yen_per_point, campaign.per_yen)
    else:
        return Fraction(0)
    return max(own.values()) + more


def _least_purchase(campaign: Campaign) -> int:
    """The smallest purchase its condition admits, in yen; 0 where that cannot be read off."""
    if "||" in campaign.when or "!" in campaign.when.replace("!=", "") or "?" in campaign.when:
        return 0
    bounds = AT_LEAST.findall(campaign.when)
    return max((int(yen) + (sign == ">") for sign, yen in bounds), default=0)


def _limit(purchase: int) -> int:
    """The highest premium for a purchase of so many yen."""
    return SMALL_PREMIUM if purchase < SMALL_PURCHASE else purchase * PREMIUM_PERCENT // 100


def _of_activity(activity: Activity, program: Program) -> Iterator[LawWarning]:
    place, worth = f"activities {activity.name}", activity.points * program.redeem.yen_per_point
    if worth > SMALL_PREMIUM:
        yield _premium(place, f"¥{worth:,} without a purchase, which counts as one of ¥100")
    if re.search(r"review|word-of-mouth|レビュー|口コミ|クチコミ", activity.name + activity.title):
        yield LawWarning(
            place,
            "a review for points is the shop's own advertising: label it so, and never make "
            "points depend on what it says or how many stars it gives",
            "景品表示法 5条3号, ステマ告示 (October 2023)",
        )


def _of_reward(reward: Reward, program: Program) -> Iterator[LawWarning]:
    """A certain product for points is a premium on the purchases that earn them."""
    coupon = program.coupon(reward.coupon)
    if coupon is None or coupon.gift is None:
        return
    yen = reward.points * program.earn.per_yen // program.earn.points
    yield LawWarning(
        f"rewards {reward.name}",
        f"a product for points: worth at most ¥{_limit(yen):,}, if the ¥{yen:,} that earn "
        f"{reward.points} points at the program's own rate are what it is given for",
        PREMIUMS,
    )


def _premium(place: str, text: str) -> LawWarning:
    return LawWarning(place, f"{text}; {OWN_DISCOUNT}", PREMIUMS)
