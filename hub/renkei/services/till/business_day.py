"""A register says its business day itself; where it is not the store's, a person is told."""

from zoneinfo import ZoneInfo

from renkei.ledger.staged import Alert
from renkei.ledger.world import Known, Needs
from renkei.loyalty.calendar import day_of
from renkei.messaging import alerts
from renkei.services.attempt import Attempt
from renkei.services.circumstances import place_of
from renkei_contracts.order import Order

KIND = "business_day_differs"


def day_asked(order: Order, known: Known) -> Needs:
    """The sale's place, where any store of its connection is set."""
    facts = known.connections.get(order.ref.connection)
    return Needs(places=frozenset({place_of(order)} if facts and facts.stores else ()))


def watch_day(attempt: Attempt, order: Order, zone: ZoneInfo) -> None:
    """Raise an alert, once for a till and day, where the store's day was another by its setting."""
    place = attempt.world.places.get(place_of(order))
    if place is None or not place.is_set or order.till is None:
        return
    till, day = order.till, day_of(order.placed_at, zone, place.day_ends)
    if day == till.business_date:
        return
    where = f"till {till.till} of {till.store}"
    message = f"{where} counts {order.number} to {till.business_date}; by its setting it is {day}"
    subject = f"{till.store}/{till.till}/{till.business_date}/{day}"
    name = alerts.Alert(KIND, order.ref.connection, subject, message).id
    key = (order.ref.connection, order.ref.id)
    attempt.staged.alerts.append(Alert(name, KIND, None, key, message))
