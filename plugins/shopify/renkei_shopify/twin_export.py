"""The twin's bulk operations: an export is asked for, waited for, and read as a file of lines."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from renkei_shopify.mapping_graphql import gid, number_of

MOST = 5
"""Exports that may be under way at the same time (documentation, from 2026-01 on)."""

ASKED = 1
"""How often an export is asked for before its file is there."""


@dataclass
class TwinExport:
    """An export: its query, how often it was asked for, and its lines once it is done."""

    id: int
    query: str
    asked: int = 0
    lines: list[dict[str, Any]] | None = None

    @property
    def file(self) -> bytes:
        """The file, a JSON text on each line."""
        return b"".join(
            json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in self.lines or ()
        )


@dataclass
class TwinExports:
    """A store's exports by number; ``numbers`` gives new ones."""

    numbers: Iterator[int]
    kept: dict[int, TwinExport] = field(default_factory=dict)

    def begin(self, query: str) -> dict[str, Any]:
        """A new one, unless as many as may be are under way."""
        if sum(one.lines is None for one in self.kept.values()) >= MOST:
            busy = {"field": None, "message": "Limit reached", "code": "LIMIT_REACHED"}
            return {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": [busy]}}
        made = TwinExport(next(self.numbers), query)
        self.kept[made.id] = made
        begun = {"id": gid("BulkOperation", str(made.id))}
        return {"bulkOperationRunQuery": {"bulkOperation": begun, "userErrors": []}}

    def asked(self, id: str) -> TwinExport | None:
        """One of them, asked for once more."""
        found = self.kept.get(number_of(id))
        if found is not None:
            found.asked += 1
        return found


def told(one: TwinExport | None, url: str) -> dict[str, Any]:
    """How far an export is."""
    if one is None:
        return {"bulkOperation": None}
    done = one.lines is not None
    status = {
        "status": "COMPLETED" if done else "RUNNING",
        "errorCode": None,
        "objectCount": str(len(one.lines or ())),
        "fileSize": str(len(one.file)) if done else None,
        "url": f"{url}/exports/{one.id}.jsonl" if one.lines else None,
    }
    return {"bulkOperation": status}


def lines_of(orders: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each order by its global id, behind it its goods."""
    for id, order in orders.items():
        goods = order["lineItems"]["nodes"]
        yield {"id": id, **{key: one for key, one in order.items() if key != "lineItems"}}
        yield from ({**line, "__parentId": id} for line in goods)
