"""Calling a vendor: every failure ends in a canonical error, and no message holds a secret."""

import math
import re
from typing import Any

import httpx

from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    Unavailable,
)

TIMEOUT = httpx.Timeout(10, connect=3)
"""Seconds for a whole call and for its connecting."""


async def send(http: httpx.AsyncClient, request: httpx.Request, *, writes: bool) -> httpx.Response:
    """Send one request and give its successful response.

    ``writes`` says that the vendor changes something by it: a broken connection or a server fault
    is then OutcomeUnknown, since it may have acted; for a read it is Unavailable.
    """
    where = f"{request.method} {request.url.host}{request.url.path}"
    try:
        response = await http.send(request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unavailable(f"{where}: no connection ({type(error).__name__})") from error
    except httpx.TransportError as error:
        unsure = OutcomeUnknown if writes else Unavailable
        raise unsure(f"{where}: {type(error).__name__}") from error
    raise_for_status(response, where, writes=writes)
    return response


def raise_for_status(response: httpx.Response, where: str, *, writes: bool) -> None:
    """Turn an unsuccessful status into its canonical error."""
    status = response.status_code
    if status < 300:
        return
    if status in (401, 403):
        raise AuthenticationFailed(f"{where}: the vendor answered {status}; authorize it again")
    if status == 404:
        raise NotFound(f"{where}: the vendor answered 404")
    if status == 429:
        raise RateLimited(f"{where}: too many calls", retry_after(response))
    if status >= 500 or status in (408, 425):
        unsure = OutcomeUnknown if writes and status != 503 else Unavailable
        raise unsure(f"{where}: the vendor answered {status}")
    raise Rejected(f"{where}: the vendor answered {status}")


def path_id(id: str, what: str) -> str:
    """A vendor's id, fit for a path; raises NotFound for what cannot be one.

    Ids may be long: a refund's that is made of its payment's has 73 characters at one vendor.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", id):
        raise NotFound(f"{what} {id[:64]!a}: not an id of this vendor")
    return id


def path_number(id: str, what: str) -> str:
    """A vendor's id that is a number, fit for a path; raises NotFound for what cannot be one."""
    if not re.fullmatch(r"[1-9][0-9]{0,17}", id):
        raise NotFound(f"{what} {id[:64]!a}: not an id of this vendor")
    return id


def retry_after(response: httpx.Response) -> float | None:
    """The Retry-After header in seconds, where it is a plain number."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def json_of(response: httpx.Response) -> Any:
    """The decoded JSON body; raises PayloadInvalid."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        where = f"{response.request.method} {response.request.url.path}"
    # Raised outside: the decoder's error carries the whole body, personal data included.
    raise PayloadInvalid(f"{where}: the answer is not JSON")
