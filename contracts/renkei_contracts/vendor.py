"""The object a plugin announces: who the vendor is, and a factory per capability."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from pydantic import BaseModel

from renkei_contracts import capability
from renkei_contracts.connection import Connection
from renkei_contracts.stage import StageContext, Staged

PROTOCOLS: dict[str, type] = {
    "webhooks": capability.Webhooks,
    "orders": capability.Orders,
    "members": capability.Members,
    "member_creation": capability.MemberCreation,
    "balances": capability.Balances,
    "stock": capability.Stock,
    "products": capability.Products,
    "coupons": capability.Coupons,
    "till": capability.Till,
    "install": capability.Install,
    "messages": capability.Messages,
    "facts": capability.Facts,
    "check": capability.Check,
    "storefront": capability.Storefront,
}
"""Every capability by its name on Vendor, with the Protocol its factory's product satisfies."""

Stage = Staged


@dataclass(frozen=True)
class Vendor:
    """One vendor. A factory that is present is a capability that is supported.

    ``name`` is the entry point's name and the plugin's directory; ``settings`` what a connection
    must know, secrets as SecretStr. ``twin`` and ``peer`` put the vendor on a stage for the demo
    and the tests: its behaviour as a program, or its real software.
    """

    name: str
    title: str
    settings: type[BaseModel]
    webhooks: Callable[[Connection[Any]], capability.Webhooks] | None = None
    orders: Callable[[Connection[Any]], capability.Orders] | None = None
    members: Callable[[Connection[Any]], capability.Members] | None = None
    member_creation: Callable[[Connection[Any]], capability.MemberCreation] | None = None
    balances: Callable[[Connection[Any]], capability.Balances] | None = None
    stock: Callable[[Connection[Any]], capability.Stock] | None = None
    products: Callable[[Connection[Any]], capability.Products] | None = None
    coupons: Callable[[Connection[Any]], capability.Coupons] | None = None
    till: Callable[[Connection[Any]], capability.Till] | None = None
    install: Callable[[Connection[Any]], capability.Install] | None = None
    messages: Callable[[Connection[Any]], capability.Messages] | None = None
    facts: Callable[[Connection[Any]], capability.Facts] | None = None
    check: Callable[[Connection[Any]], capability.Check] | None = None
    storefront: Callable[[Connection[Any]], capability.Storefront] | None = None
    twin: Callable[[StageContext], Stage] | None = None
    peer: Callable[[StageContext], Stage] | None = None

    def capabilities(self) -> Iterator[str]:
        """The names of what is supported, in the order of the fields."""
        for field in fields(self):
            if field.name in PROTOCOLS and getattr(self, field.name) is not None:
                yield field.name
