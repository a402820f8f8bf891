"""What campaigns give a sale, and which of them count together. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from renkei.loyalty import condition
from renkei.loyalty.basket import EarningLine
from renkei.loyalty.campaign import Campaign
from renkei.loyalty.evaluation import Part, Refused, Work, confirmed
from renkei.loyalty.rounding import rounded
from renkei.loyalty.terms import Earn


def points_of(lines: Sequence[EarningLine], points: int, per_yen: int, earn: Earn) -> int:
    """Points for these lines, rounded as the program says."""
    if earn.per == "order":
        return rounded(sum(one.base for one in lines), per_yen, earn.rounding) * points
    sums: dict[object, int] = {}
    for one in lines:
        key = one.line.tax_rate if earn.per == "rate" else one.line.id
        sums[key] = sums.get(key, 0) + one.base
    return sum(rounded(base, per_yen, earn.rounding) * points for base in sums.values())


def campaign_parts(work: Work, own: Sequence[Part]) -> tuple[list[Part], list[Refused]]:
    """What campaigns add; those that compete, multiply or stand beside are put together here."""
    found: list[Part] = []
    refused: list[Refused] = []
    for campaign in work.program.campaigns:
        outcome = _campaign(work, campaign)
        if isinstance(outcome, Refused):
            refused.append(outcome)
        else:
            found.append(outcome)
    best, losers = _best([part for part in found if _stacks(part, "best")])
    multiplied = _multiplied([part for part in found if _stacks(part, "multiply")])
    parts = [*(part for part in found if _stacks(part, "add")), *best, *multiplied]
    return _capped(work, parts, sum(part.points for part in own)), [*refused, *losers]


def _stacks(part: Part, how: str) -> bool:
    return part.campaign is not None and part.campaign.stacking == how


def _campaign(work: Work, campaign: Campaign) -> Part | Refused:
    if not campaign.runs_at(work.order.placed_at):
        return _refused(campaign, "not in its dates")
    verdict = condition.judge(campaign.when, "order", work.names)
    if verdict.fault:
        return _refused(campaign, verdict.fault, fault=True)
    if not verdict.applies:
        return _refused(campaign, "its condition is not met")
    lines, fault = _lines_of(work, campaign)
    if fault is not None:
        return _refused(campaign, fault, fault=True)
    if campaign.coupon is not None:
        return _coupon_benefit(work, campaign, lines)
    points, why = _benefit(work, campaign, lines)
    if points == 0:
        return _refused(campaign, "it comes to nothing")
    said = _said(campaign, work.facts.sources) if work.facts.sources else ""
    return Part(campaign.name, points, f"{campaign.called}: {why}{said}", campaign)


def _refused(campaign: Campaign, why: str, *, fault: bool = False) -> Refused:
    return Refused(campaign.name, why, fault, campaign.called)


def _said(campaign: Campaign, sources: Mapping[str, str]) -> str:
    """Who stated the facts its condition speaks of."""
    named = [name for name in sorted(sources) if f'"{name}"' in campaign.when.replace("'", '"')]
    return "".join(f"; {name}: {sources[name]}" for name in named)


def _lines_of(work: Work, campaign: Campaign) -> tuple[list[EarningLine], str | None]:
    """The earning lines it is about; a line that cannot be judged stops the whole campaign."""
    if campaign.lines is None:
        return list(work.basket.earning), None
    found = []
    verdicts = condition.judge_each(campaign.lines, "line", work.line_names)
    for one, verdict in zip(work.basket.earning, verdicts, strict=True):
        if verdict.fault:
            return [], f"line {one.line.id}: {verdict.fault}"
        if verdict.applies:
            found.append(one)
    return found, None


def _coupon_benefit(work: Work, campaign: Campaign, lines: Sequence[EarningLine]) -> Part | Refused:
    """A coupon comes once the sale's points would be confirmed, for lines that count."""
    if not lines:
        return _refused(campaign, "no line counts for it")
    if not confirmed(work.order, work.program.earn):
        return _refused(campaign, f"waits until {work.program.earn.confirmed}")
    coupon = work.program.coupon(campaign.coupon or "")
    called = coupon.called if coupon else campaign.coupon
    return Part(campaign.name, 0, f"{campaign.called}: coupon {called}", campaign)


def _benefit(work: Work, campaign: Campaign, lines: Sequence[EarningLine]) -> tuple[int, str]:
    earn, base = work.program.earn, sum(one.base for one in lines)
    if campaign.fixed is not None:
        return (campaign.fixed if lines else 0), f"{campaign.fixed} points"
    if campaign.points is not None:
        given = points_of(lines, campaign.points, campaign.per_yen, earn)
        return given, f"{campaign.points} per ¥{campaign.per_yen} on ¥{base:,}"
    assert campaign.percent is not None
    usual = points_of(lines, earn.points, earn.per_yen, earn)
    return usual * (campaign.percent - 100) // 100, f"{campaign.percent} % on ¥{base:,}"


def _best(parts: Sequence[Part]) -> tuple[list[Part], list[Refused]]:
    """Of competing campaigns the one that gives most; of equals the first by name."""
    ranked = sorted(parts, key=lambda part: (-part.points, part.rule))
    more = ranked[0].campaign.called if ranked and ranked[0].campaign else ""
    losers = [_refused(one.campaign, f"{more} gives more") for one in ranked[1:] if one.campaign]
    return ranked[:1], losers


def _multiplied(parts: Sequence[Part]) -> list[Part]:
    """Percents multiply: each next one counts upon what those before it made of the points."""
    grown, done = 100, []
    for part in sorted(parts, key=lambda part: part.rule):
        assert part.campaign is not None
        assert part.campaign.percent is not None
        points = part.points * grown // 100
        done.append(Part(part.rule, points, part.why, part.campaign))
        grown = grown * part.campaign.percent // 100
    return done


def _capped(work: Work, parts: Iterable[Part], own: int) -> list[Part]:
    """No more than the program lets all campaigns together add; the last by name give way."""
    cap = work.program.campaign_cap_percent
    ordered = sorted(parts, key=lambda part: part.rule)
    if cap is None:
        return ordered
    left, done = own * cap // 100, []
    for part in ordered:
        points = min(part.points, left)
        left -= points
        why = part.why if points == part.points else f"{part.why}, capped"
        done.append(Part(part.rule, points, why, part.campaign))
    return done
