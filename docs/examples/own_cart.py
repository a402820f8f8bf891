"""A cart of one's own against /v1 in one file: it signs, quotes, holds, sells, and takes back.

usage: own_cart.py URL CONNECTION   (the credential in CART_KEY and CART_SECRET)

Whatever happens to an order is told as the whole order again, as it is then. To tell it twice is
harmless, so that a cart tells it until it has an answer.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

TRIES = 3
Said = dict[str, Any]


class Refused(Exception):
    """The hub's problem document."""


@dataclass
class Hub:
    """The hub as this cart sees it. ``http`` has the hub's address as its base."""

    http: httpx.Client
    key: str
    secret: str

    def get(self, path: str) -> Said:
        """Ask how something stands."""
        return self._send("GET", path, b"")

    def post(self, path: str, said: Said) -> Said:
        """Ask or tell with JSON."""
        return self._send("POST", path, json.dumps(said).encode())

    def _send(self, method: str, path: str, body: bytes) -> Said:
        """The same again after a time-out or where the hub is busy: nothing is booked twice."""
        for left in reversed(range(TRIES)):
            try:
                headers = self._signed(method, path, body) | {"Content-Type": "application/json"}
                answer = self.http.request(method, path, content=body, headers=headers)
            except httpx.TransportError:
                if not left:
                    raise
                continue
            found: Said = answer.json()
            if answer.is_success:
                return found
            if not (left and found["retryable"]):
                raise Refused(found)
        raise AssertionError("the last try returns or raises")

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        stamp, nonce = str(int(time.time())), uuid4().hex
        lines = (method, path, "", stamp, nonce, hashlib.sha256(body).hexdigest())
        digest = hmac.digest(self.secret.encode(), "\n".join(lines).encode(), "sha256")
        signature = base64.b64encode(digest).decode()
        said = {"Key": self.key, "Timestamp": stamp, "Nonce": nonce, "Signature": signature}
        return {f"Renkei-{name}": value for name, value in said.items()}


@dataclass
class Cart:
    """A shop's cart. ``connection`` is its channel's name in the hub."""

    hub: Hub
    connection: str

    def register(self, customer: str, email: str) -> Said:
        """Somebody signed up, and has proven the address."""
        proven = {"kind": "email", "value": email, "grade": "verified"}
        told = {"ref": self._ref(customer), "changed_at": now(), "identities": [proven]}
        return self.hub.post("/v1/members", told)

    def check_out(self, number: str, customer: str, lines: list[Said], points: int) -> Said:
        """Before the payment: what may be used is set aside. Gives the order to be paid."""
        ask = {"customer": customer, "lines": lines, "points_wanted": points}
        used = self.hub.post("/v1/quotes", ask)["points_used"]
        order = {"ref": self._ref(number), "customer": self._ref(customer), "lines": lines}
        order |= {"state": "placed", "placed_at": now(), "points_used": used}
        if used:
            hold = {"key": number, "customer": customer, "points": used, "ttl_seconds": 1_800}
            order["hold_codes"] = [self.hub.post("/v1/holds", hold)["hold"]]
        return order

    def abandon(self, order: Said) -> None:
        """The payment came to nothing: the points are free again."""
        for hold in order.get("hold_codes", ()):
            self.hub.post(f"/v1/holds/{hold}:release", {})

    def tell(self, order: Said, **now_so: Any) -> Said:
        """The order as it is from now on."""
        order |= now_so | {"changed_at": now()}
        return self.hub.post("/v1/orders", order)

    def take_back(self, order: Said, line: str, quantity: int, yen: int) -> Said:
        """Pieces of a line came back, and the same share of the points goes back, too."""
        whole = sum(one["amount"] for one in order["lines"])
        lines = [
            one | {"returned_quantity": quantity, "returned_amount": yen}
            if one["id"] == line
            else one
            for one in order["lines"]
        ]
        left = order["points_used"] - order["points_used"] * yen // whole
        return self.tell(order, lines=lines, points_used=left)

    def _ref(self, id: str) -> Said:
        return {"connection": self.connection, "id": id}


def now() -> str:
    """This moment, with its zone."""
    return datetime.now(UTC).isoformat()


def main(url: str, connection: str) -> None:
    """A customer buys with points, sends one of two back, leaves a cart, calls the order off."""
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as http:
        cart = Cart(Hub(http, os.environ["CART_KEY"], os.environ["CART_SECRET"]), connection)
        cart.register("c-1", "hanako@example.jp")
        tea = [{"id": "1", "sku": "TEA-1", "quantity": 2, "amount": 2_200, "tax_rate": 1000}]
        first = cart.check_out("1001", "c-1", tea, 0)
        cart.tell(first, state="paid")
        second = cart.check_out("1002", "c-1", tea, 20)
        told = [cart.tell(second, state="paid"), cart.take_back(second, "1", 1, 1_100)]
        cart.abandon(cart.check_out("1003", "c-1", tea, 5))
        told.append(cart.tell(second, state="cancelled"))
        sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
