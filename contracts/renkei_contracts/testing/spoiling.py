"""What may become of a vendor's answer on its way, for ``Bench.on_the_way``."""

import json
import re
from typing import Any

import httpx

from renkei_contracts.testing.bench import OnTheWay

TIME = re.compile(r"\d{4}-\d{2}-\d{2}")


def broken(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """The connection breaks when the vendor has acted."""
    raise httpx.ReadError("the connection broke", request=request)


def unreadable(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """Something between us and the vendor answers with a page."""
    return httpx.Response(response.status_code, content=b"<html>", request=request)


def at_call(number: int, spoil: OnTheWay) -> OnTheWay:
    """Spoil the answer to that call from now (1 is the next), and leave the others alone."""
    left = number

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        nonlocal left
        left -= 1
        return response if left else spoil(request, response)

    return answer


def spoiled(id: str) -> OnTheWay:
    """Makes every value of the objects that name ``id`` a thing nobody expects.

    Kept are what names it, and times, since a list is read on from the time of a row.
    """

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        content = json.dumps(spoil(response.json())).encode()
        return httpx.Response(response.status_code, content=content, request=request)

    def spoil(value: Any) -> Any:
        if isinstance(value, list):
            return [spoil(one) for one in value]
        if not isinstance(value, dict):
            return value
        if not any(_names(one, id) for one in value.values()):
            return {key: spoil(one) for key, one in value.items()}
        return {key: one if _kept(one, id) else {"odd": True} for key, one in value.items()}

    return answer


def _names(value: Any, id: str) -> bool:
    return not isinstance(value, dict | list | bool) and str(value).rpartition("/")[2] == id


def _kept(value: Any, id: str) -> bool:
    if isinstance(value, dict):
        return "__class__" in value
    return _names(value, id) or (isinstance(value, str) and TIME.match(value) is not None)
