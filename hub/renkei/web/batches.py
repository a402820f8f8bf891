"""/pos/v1/batches: what happened while a till was offline, as lines of JSON."""

import json
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request

from renkei.errors import fault_words
from renkei.services.till.offline import Offline, rejected
from renkei.web.auth import SCHEMES, LinesRoute, Writer
from renkei.web.body import strict_json
from renkei.web.failures import FAULTS_SHOWN, pointer_to
from renkei.web.manner import KEYED, How
from renkei.web.problems import documented, refused
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.batch import (
    MEDIA_TYPE,
    MOST_RECORDS,
    RECORD,
    BatchAnswer,
    OfflineRecord,
    RecordFault,
    RecordResult,
)

LINES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"One record a line, at most {MOST_RECORDS:,} (docs/pos-v1.md, Offline).",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/pos/v1", route_class=LinesRoute, tags=["till"], dependencies=SCHEMES)


@router.post(
    "/batches",
    summary="Tell what happened offline",
    openapi_extra=LINES,
    responses=documented(*ALWAYS, *KEYED),
)
async def tell_batch(request: Request, terminal: Writer, how: How, hub: TheHub) -> BatchAnswer:
    """Each record by itself, in order; told again, each is answered as the first time."""
    lines = [line for line in enumerate((await request.body()).splitlines(), 1) if line[1].strip()]
    if len(lines) > MOST_RECORDS:
        raise refused("body_too_large")
    readable, results = _read(lines)
    offline = Offline(hub.till, terminal)
    results += await offline.tell(readable, how)
    told = [one.sequence for one in results if one.sequence is not None]
    missing = await offline.missing(told)
    return BatchAnswer(results=tuple(sorted(results, key=lambda one: one.line)), missing=missing)


def _read(
    lines: list[tuple[int, bytes]],
) -> tuple[list[tuple[int, OfflineRecord]], list[RecordResult]]:
    """The records with their lines, and the results of what is none."""
    readable, results = [], []
    for number, line in lines:
        record = _record(number, line)
        if isinstance(record, RecordResult):
            results.append(record)
        else:
            readable.append((number, record))
    return readable, results


def _record(number: int, line: bytes) -> OfflineRecord | RecordResult:
    said: Any = None
    try:
        said = strict_json(line)
        return RECORD.validate_python(said)
    except json.JSONDecodeError as error:
        faults: tuple[RecordFault, ...] = (RecordFault(detail=f"no JSON: {error.msg}"[:500]),)
    except ValidationError as error:
        shown = error.errors(include_url=False, include_input=False)[:FAULTS_SHOWN]
        faults = tuple(
            # The first step is the record's type, which the line has no place for.
            RecordFault(
                detail=fault_words(one)[:500],
                pointer=pointer_to(one["loc"][1:])[:500],
            )
            for one in shown
        )
    return rejected(number, _sequence(said), refused("request_invalid").problem, faults)


def _sequence(said: Any) -> int | None:
    """The number of a record that is otherwise not readable."""
    number = said.get("sequence") if isinstance(said, dict) else None
    fits = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 10**12
    return number if fits else None
