"""The invented cart, and of each kind one thing that ends every process that works it off."""

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import told_cart
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten

DEADLY = "deadly"
DEADLY_POLL = "TEST_DEADLY_POLL"
LINE = LineItem(id="1", quantity=1, amount=1_000, tax_rate=1000)


def end_process() -> None:
    """As the kernel ends a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyWebhooks(told_cart.ToldWebhooks):
    """Deadly is a delivery that says so."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """The member or order."""
        if delivery.header(told_cart.KIND) == DEADLY:
            end_process()
        return super().read(delivery)


class DeadlyOrders:
    """There is an order under every name."""

    def __init__(self, connection: Connection[object]) -> None:
        self._connection = connection.id

    async def fetch(self, id: str) -> Order:
        """A guest's."""
        if id == DEADLY:
            end_process()
        then = datetime.now(UTC) - timedelta(hours=1)
        return Order(
            ref=ExternalRef(connection=self._connection, id=id),
            changed_at=then,
            placed_at=then,
            state=OrderState.PAID,
            lines=(LINE,),
        )

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """Nothing was; deadly where the environment wants it."""
        if DEADLY_POLL in os.environ:
            end_process()
        return Page(())


class DeadlyBalances(told_cart.ToldBalances):
    """Deadly is the customer of this name."""

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Written."""
        if id == f"c{DEADLY}":
            end_process()
        return await super().write(id, write)


VENDOR = replace(
    told_cart.VENDOR, webhooks=DeadlyWebhooks, orders=DeadlyOrders, balances=DeadlyBalances
)
