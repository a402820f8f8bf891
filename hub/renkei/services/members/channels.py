"""Where the members of a program have a balance to be shown."""

from dataclasses import dataclass

from renkei.connections.opened import OpenConnections


@dataclass(frozen=True)
class Channels:
    """Connections that show balances, and those of them where we may create the customer."""

    mirrors_at: frozenset[str]
    creates_at: frozenset[str]


async def channels_of(connections: OpenConnections, program: str) -> Channels:
    """The program's connections whose points the hub leads."""
    mirrors, creates = set(), set()
    for row in await connections.rows():
        vendor = connections.registry.vendors.get(row.vendor)
        led = row.leads == "hub" and row.program == program
        if vendor is None or vendor.balances is None or not led:
            continue
        mirrors.add(row.id)
        if vendor.member_creation is not None:
            creates.add(row.id)
    return Channels(frozenset(mirrors), frozenset(creates))
