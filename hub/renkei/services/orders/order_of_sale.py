"""A register's sale as the order it is."""

from datetime import UTC, datetime, time, timedelta

from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order, OrderState
from renkei_contracts.till import CommitRequest


def order_of(ask: CommitRequest, connection: str, yen_per_point: int = 1) -> Order:
    """The sale as a restated order.

    A till counts revisions and has no clock that could be trusted for them: the order's clock is
    the revision, counted from the business day that the sale's own key names.
    """
    day = datetime.combine(ask.sale.business_date, time(), UTC)
    return Order(
        ref=ExternalRef(connection=connection, id=str(ask.sale)),
        changed_at=day + timedelta(microseconds=ask.revision),
        placed_at=ask.sold_at,
        state=OrderState.CANCELLED if ask.voided else OrderState.FULFILLED,
        number=ask.sale.receipt_number,
        lines=ask.lines,
        points_used=ask.points_used,
        coupons=ask.coupons,
        points_value=ask.points_used * yen_per_point,
        tenders=ask.tenders,
        till=ask.sale,
        location=ask.sale.store,
        earned_printed=ask.earned_printed,
    )
