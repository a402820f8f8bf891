"""Shapes of what Square delivers: an envelope, and within it what the event is about."""

from typing import Any

from renkei_contracts.toolkit.wire import Moment, Wire


class Told(Wire):
    """The data of a delivery: ``object`` holds what it is about, under its own name."""

    id: str
    object: dict[str, Any] | None = None


class Delivered(Wire):
    """The envelope of a delivery."""

    merchant_id: str
    type: str
    event_id: str
    created_at: Moment
    data: Told


class ChangedOrder(Wire):
    """What a delivery tells of an order."""

    order_id: str
    state: str | None = None


class Merge(Wire):
    """Customers that became a new one."""

    from_customer_ids: tuple[str, ...]
    to_customer_id: str


class Context(Wire):
    """Why a customer was made or deleted, where it was by merging."""

    merge: Merge | None = None
