"""What a register printed that a sale earns counts, whatever the rules say. Pure."""

from renkei.loyalty.earn import Evaluation, Part
from renkei_contracts.order import Order, OrderState

PRINTED = "printed"


def as_printed(evaluation: Evaluation, told: Order, stands: Order) -> Evaluation:
    """The evaluation with as many points as were printed, where a register prints them.

    ``told`` is the sale as the register said it, ``stands`` less what was given back since: of
    what was printed, as large a part is left as of the goods' amount.
    """
    if told.earned_printed is None or stands.state is OrderState.CANCELLED or stands.test:
        return evaluation
    points = _left(told.earned_printed, _amount(told), _amount(stands))
    if points == evaluation.earned:
        return evaluation
    parts = _adding_up(evaluation.parts, points, told.earned_printed)
    ready = points if evaluation.confirmed == evaluation.earned else 0
    return evaluation._replace(earned=points, confirmed=ready, parts=parts)


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


def _left(points: int, whole: int, left: int) -> int:
    return points * left // whole if whole else points


def _amount(order: Order) -> int:
    return sum(line.amount - line.returned_amount for line in order.lines)
