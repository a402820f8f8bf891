"""Two headers of any booking: a key of the caller's own, and training."""

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from renkei.services.till.manner import Manner
from renkei.web.auth import Writer
from renkei.web.problems import refused

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


Training = Annotated[
    bool,
    Header(alias="renkei-training", description="`true`: answer as in earnest, and book nothing"),
]


async def _manner(
    request: Request,
    terminal: Writer,
    idempotency_key: Annotated[
        str | None,
        Header(description="1 to 200 printable characters; the same again is answered the same"),
    ] = None,
    training: Training = False,
) -> Manner:
    if idempotency_key is None:
        return Manner(training)
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise refused("bad_request")
    said = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    said.update(await request.body())
    name = (f"request/{terminal.id}", idempotency_key)
    return Manner(training, (name, said.digest()))


How = Annotated[Manner, Depends(_manner)]
"""How the request is meant."""

KEYED = ("bad_request", "key_reused")
"""What a key of the caller's own can be refused with."""
