"""The invented cart, and one delivery of it that ends every process that reads it."""

import os
import signal
from collections.abc import Sequence
from dataclasses import replace

import told_cart
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Observation

DEADLY = "deadly"


class DeadlyWebhooks(told_cart.ToldWebhooks):
    """As the kernel ends a process that takes too much memory."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """The member or order."""
        if delivery.header(told_cart.KIND) == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(delivery)


VENDOR = replace(told_cart.VENDOR, webhooks=DeadlyWebhooks)
