"""The twin's stock, as the Admin GraphQL API tells of it and takes it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from renkei_contracts.stage import Item
from renkei_shopify.mapping_graphql import gid, number_of

Variables = Mapping[str, Any]

PLACES = (487838322, 905684977)
"""A shop and a warehouse."""

_FILTER = re.compile(r"sku:'([^']+)'")


@dataclass
class TwinStock:
    """Items by SKU, pieces and their moment by item and location, and changes by their key."""

    items: dict[str, int] = field(default_factory=dict)
    levels: dict[tuple[int, int], tuple[int, datetime]] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)

    def put(self, items: Iterable[Item], at: datetime) -> None:
        """Ten of each, everywhere."""
        for number, item in enumerate(items, 40_000_001):
            self.items[item.sku] = number
            self.levels |= {(number, place): (10, at) for place in PLACES}

    def found(self, variables: Variables) -> dict[str, Any]:
        """Like Shopify's search, it takes upper and lower case for the same."""
        match = _FILTER.fullmatch(variables["filter"])
        if match is None:
            raise ValueError("the twin does not understand this filter")
        nodes = [
            {"id": gid("InventoryItem", str(id)), "sku": sku}
            for sku, id in self.items.items()
            if sku.lower() == match[1].lower()
        ]
        return {"inventoryItems": {"nodes": nodes[:10]}}

    def told(self, variables: Variables, most: int) -> dict[str, Any]:
        """A page of an item's locations."""
        wanted = number_of(variables["id"])
        every = [(place, one) for (id, place), one in self.levels.items() if id == wanted]
        start = int(variables["after"] or 0)
        page = every[start : start + most]
        more = start + len(page) < len(every)
        info = {"hasNextPage": more, "endCursor": str(start + len(page)) if page else None}
        levels = {"pageInfo": info, "nodes": [_level(place, *one) for place, one in page]}
        return {"inventoryItem": {"inventoryLevels": levels} if every else None}

    def set(self, variables: Variables, at: datetime) -> dict[str, Any]:
        """What was asked with the same key before is not done once more."""
        given, key = variables["input"]["quantities"], variables["key"]
        if self.done.get(key, given) != given:
            return _refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
        for one in given:
            place = (number_of(one["inventoryItemId"]), number_of(one["locationId"]))
            if place not in self.levels:
                return _refused("ITEM_NOT_STOCKED_AT_LOCATION")
            if key not in self.done:
                if one["changeFromQuantity"] not in (None, self.levels[place][0]):
                    return _refused("CHANGE_FROM_QUANTITY_STALE")
                self.levels[place] = (one["quantity"], at)
        self.done[key] = given
        return {"inventorySetQuantities": {"userErrors": []}}


def _level(place: int, quantity: int, at: datetime) -> dict[str, Any]:
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "location": {"legacyResourceId": str(place)},
        "updatedAt": moment,
        "quantities": [{"quantity": quantity, "updatedAt": moment}],
    }


def _refused(code: str) -> dict[str, Any]:
    error = {"field": ["input"], "message": "It is refused", "code": code}
    return {"inventorySetQuantities": {"userErrors": [error]}}
