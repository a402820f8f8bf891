"""Run a real Vendure shop on loopback and do in it what its customers and clerks do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from renkei_contracts.twin.process import (
    FolderLock,
    PeerProcess,
    PeerUnavailable,
    require_free,
)
from renkei_vendure.peer import documents
from renkei_vendure.peer.graphql import GraphQLSession, ShopError
from renkei_vendure.peer.install import PACKAGE, find_node, install
from renkei_vendure.peer.keys import Keys
from renkei_vendure.peer.lines import line_id, prorated_unit_price

ADMINISTRATOR = "superadmin"
BOOT_SECONDS = 60.0
ANSWER_SECONDS = 10.0
# Deprecated inputs which Vendure 3.7 cannot do without: its table wants these numbers.
UNITEMISED: dict[str, Any] = {"lines": [], "shipping": 0, "adjustment": 0}


@dataclass(frozen=True)
class PlacedOrder:
    """An order just paid."""

    id: str
    code: str


class VendureShop:
    """A running Vendure, its administrator and its customers.

    The folder keeps the installation, the database and the passwords, so that a second start
    takes seconds and the shop remembers its orders.
    """

    def __init__(self, lock: FolderLock, keys: Keys, port: int) -> None:
        self.folder = lock.folder
        self.url = f"http://127.0.0.1:{port}"
        self.version = ""
        self._lock = lock
        self._keys = keys
        self._process: PeerProcess | None = None
        self._telling: asyncio.Task[None] | None = None
        self._tokens: dict[str, asyncio.Future[str]] = {}
        self._pointed: asyncio.Queue[str] = asyncio.Queue()
        self._http = httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False)
        self._admin = GraphQLSession(self._http, "admin-api")
        self._sessions: dict[str, GraphQLSession] = {}

    # ------------------------------------------------------------------ start and stop

    @classmethod
    async def start(
        cls, work_dir: Path, webhook_url: str | None, secret: str, port: int
    ) -> VendureShop:
        """Install what is missing in ``work_dir``, then boot the shop and log in."""
        require_free(port)
        node = await find_node()
        lock = FolderLock(work_dir / "vendure")
        try:
            await install(lock.folder)
            shop = cls(lock, Keys(lock.folder / "keys.json"), port)
        except BaseException:
            lock.release()
            raise
        try:
            await shop._boot(node, webhook_url, secret, port)
        except BaseException:
            await shop.stop()
            raise
        return shop

    async def stop(self) -> None:
        """Stop the shop and everything it started."""
        await self._http.aclose()
        if self._telling is not None:
            self._telling.cancel()
        if self._process is not None:
            await self._process.stop()
        self._lock.release()

    async def send_webhooks_to(self, url: str) -> None:
        """Deliver what happens from now on there."""
        assert self._process is not None
        await self._process.write_line(f"webhook {url}".encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            while await self._pointed.get() != url:
                pass

    @property
    def pid(self) -> int:
        """The process id of the shop's server."""
        assert self._process is not None
        return self._process.pid

    @property
    def administrator(self) -> tuple[str, str]:
        """User name and password for the Admin API, as a hub is given them."""
        return ADMINISTRATOR, self._keys.get("administrator")

    async def _boot(self, node: str, webhook_url: str | None, secret: str, port: int) -> None:
        # The database is filled under another name, so that half a shop is never opened.
        database, unfilled = self.folder / "shop.sqlite", self.folder / "filling.sqlite"
        settings = {
            "port": port,
            "webhookUrl": webhook_url,
            "secret": secret,
            "adminPassword": self._keys.get("administrator"),
            "cookieSecret": self._keys.get("cookies"),
        }
        if not database.exists():
            for left_over in self.folder.glob("filling.sqlite*"):
                left_over.unlink()
            await self._launch(node, {**settings, "database": str(unfilled), "fill": True})
            assert self._process is not None
            await self._process.stop()
            unfilled.rename(database)
        await self._launch(node, {**settings, "database": str(database), "fill": False})
        self._telling = asyncio.create_task(self._hear())
        await self._admin.log_in(*self.administrator)

    async def _launch(self, node: str, settings: dict[str, Any]) -> None:
        log_file = self.folder / "vendure.log"
        self._process = await PeerProcess.launch(
            [node, str(PACKAGE / "server.cjs")], folder=self.folder, log_file=log_file
        )
        await self._process.write_line(json.dumps(settings).encode())
        try:
            line = await asyncio.wait_for(self._process.read_line(), BOOT_SECONDS)
        except TimeoutError as error:
            raise PeerUnavailable(f"Vendure is not up after {BOOT_SECONDS:.0f} s") from error
        if not line:
            raise PeerUnavailable(f"Vendure did not start: see {log_file}")
        self.version = json.loads(line)["ready"]["version"]

    async def _hear(self) -> None:
        assert self._process is not None
        while line := await self._process.read_line():
            told = json.loads(line)
            if "webhook" in told:
                self._pointed.put_nowait(told["webhook"])
            else:
                self._deliver_mail(told["mail"])

    def _deliver_mail(self, mail: dict[str, str]) -> None:
        expected = self._tokens.get(mail["to"])
        if expected is not None and not expected.done():
            expected.set_result(mail["token"])

    # ---------------------------------------------------------------------- customers

    async def register_customer(self, email: str, first: str, last: str) -> str:
        """Register in the shop, follow the link in the mail, log in; return the customer's id."""
        session = GraphQLSession(self._http, "shop-api")
        password = self._keys.get(f"customer {email}")
        token = self._tokens[email] = asyncio.get_running_loop().create_future()
        try:
            await session.ask(
                documents.REGISTER,
                input={
                    "emailAddress": email,
                    "firstName": first,
                    "lastName": last,
                    "password": password,
                },
            )
            arrived = await asyncio.wait_for(token, ANSWER_SECONDS)
        finally:
            del self._tokens[email]
        await session.ask(documents.VERIFY, token=arrived)
        customer = await (await self._customer_session(email)).ask(documents.ACTIVE_CUSTOMER)
        return str(customer["activeCustomer"]["id"])

    async def email_of(self, customer_id: str) -> str:
        """Return the customer's address, which is also the login."""
        customer = (await self.admin(documents.CUSTOMER, id=customer_id))["customer"]
        return str(customer["emailAddress"])

    async def points_shown(self, customer_id: str) -> int | None:
        """Return the balance which the customer sees when logged in to the shop."""
        session = await self._customer_session(await self.email_of(customer_id))
        shown = (await session.ask(documents.ACTIVE_CUSTOMER))["activeCustomer"]
        points: int | None = shown["customFields"]["hubPoints"]
        return points

    async def rename_customer(self, customer_id: str, first: str, last: str) -> None:
        """Change a customer's name as the customer does it in the account page."""
        session = await self._customer_session(await self.email_of(customer_id))
        await session.ask(documents.RENAME, input={"firstName": first, "lastName": last})

    async def readdress_customer(self, customer_id: str, email: str) -> None:
        """Remember who is logged in, before an administrator changes the address."""
        session = await self._customer_session(await self.email_of(customer_id))
        self._sessions[email] = session

    async def _customer_session(self, email: str) -> GraphQLSession:
        session = self._sessions.get(email)
        if session is None:
            session = GraphQLSession(self._http, "shop-api")
            await session.log_in(email, self._keys.get(f"customer {email}"))
            self._sessions[email] = session
        return session

    # ------------------------------------------------------------------------- orders

    async def buy(self, email: str, items: Sequence[tuple[str, int]]) -> PlacedOrder:
        """Buy goods by code as a registered customer and pay by card."""
        session = await self._customer_session(email)
        await self._fill(session, items)
        return await self._check_out(session)

    async def buy_as_guest(self, email: str, items: Sequence[tuple[str, int]]) -> PlacedOrder:
        """Buy without a login, with an address that no registered customer has."""
        session = GraphQLSession(self._http, "shop-api")
        await self._fill(session, items)
        guest = {"emailAddress": email, "firstName": "一", "lastName": "客野"}
        await session.ask(documents.SET_CUSTOMER, input=guest)
        return await self._check_out(session)

    async def _fill(self, session: GraphQLSession, items: Sequence[tuple[str, int]]) -> None:
        variants = await self._variants()
        for sku, quantity in items:
            await session.ask(documents.ADD_ITEM, variant=variants[sku], quantity=quantity)

    async def _check_out(self, session: GraphQLSession) -> PlacedOrder:
        await session.ask(documents.SET_ADDRESS, input=documents.ADDRESS)
        methods = (await session.ask(documents.SHIPPING_METHODS))["eligibleShippingMethods"]
        await session.ask(documents.SET_SHIPPING, methods=[methods[0]["id"]])
        await session.ask(documents.TO_PAYMENT)
        paid = (await session.ask(documents.PAY))["addPaymentToOrder"]
        if paid["state"] != "PaymentSettled":
            raise ShopError(f"order {paid['code']} is {paid['state']} after payment")
        return PlacedOrder(paid["id"], paid["code"])

    async def refund_line(self, order_id: str, line: str, quantity: int) -> str:
        """Take back a quantity of a line (its id, or the code of the goods); pay it back."""
        order = await self.order(order_id)
        await self.admin(
            documents.CANCEL,
            input={
                "orderId": order_id,
                "lines": [{"orderLineId": line_id(order, line), "quantity": quantity}],
                "cancelShipping": False,
                "reason": "returned",
            },
        )
        amount = quantity * prorated_unit_price(order, line)
        return await self._pay_back(order, amount, "returned")

    async def cancel(self, order_id: str) -> str | None:
        """Cancel the whole order and pay back what was not yet; return the refund's id."""
        order = await self.order(order_id)
        given_back = sum(
            refund["total"] for payment in order["payments"] for refund in payment["refunds"]
        )
        await self.admin(
            documents.CANCEL,
            input={"orderId": order_id, "cancelShipping": True, "reason": "cancelled"},
        )
        left = sum(payment["amount"] for payment in order["payments"]) - given_back
        return await self._pay_back(order, left, "cancelled") if left else None

    async def order(self, order_id: str) -> dict[str, Any]:
        """Return an order as the Admin API shows it, with lines, payments and refunds."""
        order: dict[str, Any] | None = (await self.admin(documents.ORDER, id=order_id))["order"]
        if order is None:
            raise ShopError(f"there is no order {order_id}")
        return order

    async def admin(self, document: str, **variables: Any) -> dict[str, Any]:
        """Run a document on the Admin API as the administrator."""
        return await self._admin.ask(document, **variables)

    async def _pay_back(self, order: dict[str, Any], amount: int, reason: str) -> str:
        payment = order["payments"][0]["id"]
        refund = {"paymentId": payment, "amount": amount, "reason": reason, **UNITEMISED}
        answer = await self.admin(documents.REFUND, input=refund)
        return str(answer["refundOrder"]["id"])

    async def _variants(self) -> dict[str, str]:
        items = (await self.admin(documents.VARIANTS))["productVariants"]["items"]
        return {item["sku"]: item["id"] for item in items}
