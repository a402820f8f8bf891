"""Deliveries that are refused: whoever reads the reason must find the order."""

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import OrderSeen
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.bodies import REMOVED
from renkei_contracts.testing.checks import NotApplicable, must
from renkei_contracts.testing.suites.webhooks import suite
from renkei_contracts.testing.vectors import mutations, sample


@suite.check()
async def an_order_that_is_refused_is_named(bench: Bench) -> None:
    """The delivery waits for a person, who looks the order up in the shop."""
    whole = [(one, id) for one in await sample(bench) for id in _orders(bench, one)]
    if not whole:
        raise NotApplicable("no delivery tells an order whole")
    for delivery, id in whole:
        around = _around(delivery, id)
        for new in (REMOVED, {"unexpected": True}, -1):
            for place, spoilt in mutations(delivery, new):
                if place.startswith(around) and _says(spoilt, id) == _says(delivery, id):
                    _named(bench, spoilt, id, place)


def _around(delivery: Delivery, id: str) -> str:
    """Where in the body the order stands, by its id: what is wrong outside is no order's."""
    holding = [
        place
        for place, spoilt in mutations(delivery, REMOVED)
        if _says(spoilt, id) < _says(delivery, id)
    ]
    own = [one for one in holding if not any(other.startswith(f"{one}.") for other in holding)]
    of, dot, _ = min(own, key=lambda place: place.count("."), default="").rpartition(".")
    return of + dot


def _orders(bench: Bench, delivery: Delivery) -> list[str]:
    """The ids of orders that it tells whole."""
    seen = bench.webhooks().read(delivery)
    return [one.order.ref.id for one in seen if isinstance(one, OrderSeen)]


def _says(delivery: Delivery, id: str) -> int:
    return delivery.body.count(id.encode())


def _named(bench: Bench, spoilt: Delivery, id: str, place: str) -> None:
    try:
        bench.webhooks().read(spoilt)
    except PayloadInvalid as error:
        told = f"read() must name the order in its PayloadInvalid: it does not for a wrong {place}"
        must(id in str(error), told)
