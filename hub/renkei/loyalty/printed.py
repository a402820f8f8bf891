"""What a register printed that a sale earns counts, whatever the rules say. Pure."""

from renkei.loyalty.evaluation import Evaluation, Part
from renkei.loyalty.program import Program
from renkei_contracts.order import Order, OrderState

PRINTED = "printed"


def as_printed(evaluation: Evaluation, told: Order, stands: Order, rules: Program) -> Evaluation:
    """The evaluation with as many points as were printed, where a register prints them.

    A register that is mistaken gives no fortune away: no more than the goods are worth, or than
    the rules give with what a cashier may give by hand.
    """
    left = _left(told, stands)
    if left is None:
        return evaluation
    worth = _amount(stands) // rules.redeem.yen_per_point
    points = min(left, max(worth, evaluation.earned + rules.override.points))
    if points == evaluation.earned:
        return evaluation
    parts = _adding_up(evaluation.parts, points, told.earned_printed or 0)
    ready = points if evaluation.confirmed == evaluation.earned else 0
    return evaluation._replace(earned=points, confirmed=ready, parts=parts)


def variance_of(given: Evaluation, told: Order, stands: Order, rules: Program) -> str | None:
    """What a person is told where a register printed other points than the rules give."""
    left = _left(told, stands)
    if left is None or left == given.earned:
        return None
    booked = as_printed(given, told, stands, rules).earned
    rest = "" if booked == left else f"; {booked} are booked"
    return f"printed {left}, by the rules {given.earned} points{rest}"


def _adding_up(parts: tuple[Part, ...], points: int, printed: int) -> tuple[Part, ...]:
    """More is a part of its own; less is taken from the last parts, which are the campaigns'."""
    over = sum(part.points for part in parts) - points
    if over <= 0:
        return (*parts, Part(PRINTED, -over, f"the register printed {printed}"))
    kept = []
    for part in reversed(parts):
        less = min(over, part.points)
        over -= less
        kept.append(part._replace(points=part.points - less) if less else part)
    return tuple(reversed(kept))


def _left(told: Order, stands: Order) -> int | None:
    """How many of the points that a register printed a sale keeps; None: it printed none.

    ``told`` is the sale as the register said it, ``stands`` less what was given back since: of
    what was printed, as large a part is left as of the goods' amount.
    """
    if told.earned_printed is None or stands.state is OrderState.CANCELLED or stands.test:
        return None
    whole, left = _amount(told), _amount(stands)
    return told.earned_printed * left // whole if whole else told.earned_printed


def _amount(order: Order) -> int:
    return sum(line.amount - line.returned_amount for line in order.lines)
