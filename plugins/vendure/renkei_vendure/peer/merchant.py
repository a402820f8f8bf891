"""What an administrator does in a running shop, beside paying back."""

from __future__ import annotations

from collections.abc import Mapping

from renkei_vendure.peer import documents
from renkei_vendure.peer.lines import find_line
from renkei_vendure.peer.software import VendureShop


async def modify(shop: VendureShop, order_id: str, sku: str, quantity: int) -> None:
    """Take pieces out of an order and pay them back; its state is as before."""
    order = await shop.order(order_id)
    line = find_line(order, sku)
    change = {
        "dryRun": False,
        "orderId": order_id,
        "adjustOrderLines": [{"orderLineId": line["id"], "quantity": line["quantity"] - quantity}],
        "refund": {
            "paymentId": order["payments"][0]["id"],
            "amount": quantity * line["proratedUnitPriceWithTax"],
            "reason": "modified",
        },
    }
    await shop.admin(documents.TO_STATE, id=order_id, state="Modifying")
    await shop.admin(documents.MODIFY, input=change)
    await shop.admin(documents.TO_STATE, id=order_id, state=order["state"])


async def fulfil(shop: VendureShop, order_id: str) -> None:
    """Send everything that is left in one parcel, which arrives."""
    order = await shop.order(order_id)
    parcel = {
        "lines": [
            {"orderLineId": line["id"], "quantity": line["quantity"]}
            for line in order["lines"]
            if line["quantity"]
        ],
        "handler": {
            "code": "manual-fulfillment",
            "arguments": [
                {"name": "method", "value": "宅配便"},
                {"name": "trackingCode", "value": ""},
            ],
        },
    }
    made = await shop.admin(documents.FULFIL, input=parcel)
    id = made["addFulfillmentToOrder"]["id"]
    for state in ("Shipped", "Delivered"):
        await shop.admin(documents.PARCEL_TO_STATE, id=id, state=state)


async def change_customer(
    shop: VendureShop, customer_id: str, changes: Mapping[str, object]
) -> None:
    """Write fields of a customer."""
    await shop.admin(documents.CHANGE_CUSTOMER, input={"id": customer_id, **changes})


async def delete_customer(shop: VendureShop, customer_id: str) -> None:
    """Delete a customer, whose orders stay."""
    await shop.admin(documents.DELETE_CUSTOMER, id=customer_id)
