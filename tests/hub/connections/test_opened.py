"""Connections are opened once, kept while they stay the same, and break alone."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from renkei.connections.calling import PluginFailed
from renkei.connections.opened import OpenConnections
from renkei.connections.store import NewConnection, insert, set_settings, set_state
from renkei.errors import UnknownConnection, UnknownVendor
from renkei.storage.sealed import KeyRing
from renkei_contracts.errors import SettingsInvalid

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


async def add(
    connections: OpenConnections, id: str, vendor: str = "acme", **settings: object
) -> None:
    async with connections.engine.begin() as conn:
        new = NewConnection(id, vendor, settings, NOW)
        await insert(conn, connections.ring, new, NOW)


async def test_what_the_vendor_supports_is_there_and_made_once(
    connections: OpenConnections,
) -> None:
    shop = await connections.get("shop")
    assert shop.orders is not None
    assert shop.orders is (await connections.get("shop")).orders
    assert shop.member_creation is None
    assert shop.connection.settings.secret.get_secret_value() == "s3cret"


async def test_tills_of_no_vendor_cannot_be_opened(connections: OpenConnections) -> None:
    for id in ("pos", "nowhere"):
        with pytest.raises(UnknownConnection, match=id):
            await connections.get(id)
    assert [row.id for row in await connections.rows()] == ["shop"]


async def test_a_connection_that_another_process_added_is_found(
    connections: OpenConnections,
) -> None:
    await connections.get("shop")
    await add(connections, "second")
    connections._read_at -= 0.1
    assert (await connections.get("second")).id == "second"


@pytest.mark.parametrize(
    ("vendor", "reason"), [("broken", "does not import"), ("gone", "no plugin 'gone'")]
)
async def test_a_connection_without_its_plugin_says_why_and_stops_no_other(
    connections: OpenConnections, vendor: str, reason: str
) -> None:
    await add(connections, "second", vendor)
    with pytest.raises(UnknownVendor, match=reason):
        await connections.get("second")
    assert (await connections.get("shop")).orders is not None


async def test_wrong_settings_are_named_without_their_values(connections: OpenConnections) -> None:
    await add(connections, "second", secret={"not": "s3cret-text"})
    with pytest.raises(SettingsInvalid, match="secret") as caught:
        await connections.get("second")
    assert "s3cret-text" not in f"{caught.value}{caught.value.__cause__}"


async def test_a_factory_that_breaks_is_that_connections_trouble_alone(
    connections: OpenConnections,
) -> None:
    def breaks(connection: Any) -> Any:
        raise ValueError(connection.settings.secret.get_secret_value())

    vendors: Any = connections.registry.vendors
    vendors["worse"] = replace(vendors["acme"], name="worse", orders=breaks)
    await add(connections, "second", "worse")
    second = await connections.get("second")
    with pytest.raises(PluginFailed, match="second: orders") as caught:
        _ = second.orders
    assert "acme" not in str(caught.value)
    assert second.members is not None
    assert (await connections.get("shop")).orders is not None


async def test_a_new_state_is_seen_and_keeps_what_was_made(connections: OpenConnections) -> None:
    shop = await connections.get("shop")
    orders = shop.orders
    async with connections.engine.begin() as conn:
        await set_state(conn, "shop", "paused")
    connections.forget()
    assert (await connections.get("shop")).row.state == "paused"
    assert (await connections.get("shop")).orders is orders


async def test_a_reading_that_began_before_a_change_does_not_count(
    connections: OpenConnections,
) -> None:
    await connections.rows()
    began = connections._read_at
    await add(connections, "second")
    connections.forget()
    connections._read_at = began  # it ends only now
    assert [row.id for row in await connections.rows()] == ["second", "shop"]


async def test_new_settings_make_it_anew_with_the_same_client(
    connections: OpenConnections, ring: KeyRing
) -> None:
    shop = await connections.get("shop")
    async with connections.engine.begin() as conn:
        await set_settings(conn, ring, "shop", {"secret": "rotated"})
    connections.forget()
    renewed = await connections.get("shop")
    assert renewed.connection.settings.secret.get_secret_value() == "rotated"
    assert renewed.connection.http is shop.connection.http
    assert renewed.orders is not shop.orders


async def test_closing_closes_every_client(connections: OpenConnections) -> None:
    http = (await connections.get("shop")).connection.http
    await connections.close()
    assert http.is_closed
