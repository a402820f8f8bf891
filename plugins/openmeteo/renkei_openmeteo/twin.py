"""The forecast service as a small program: its answers, its refusals, and its faults."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.stage import StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import STATUS, Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog

KEY = "twin-key"
SOURCE = "Open-Meteo's forecast: a wire schema of ours, from its public pages"
CALLS = (Call("GET", "/v1/forecast", query="query", answer="answer"),)

Sky = Callable[[str, str, date], list[float | None]]
"""Millimetres of the 24 hours of a day at a place (latitude, longitude)."""


def dry(latitude: str, longitude: str, day: date) -> list[float | None]:
    """No rain anywhere."""
    return [0.0] * 24


@cache
def wire() -> JsonSchema:
    """The wire schema; it says of each field where we have it from."""
    file = files("renkei_openmeteo") / "wire.schema.json"
    return JsonSchema(json.loads(file.read_text("utf-8")))


@dataclass
class TwinService:
    """What it knows of the sky; ``paid``: whether a key is asked for."""

    sky: Sky = dry
    paid: bool = False
    faults: FaultScript = field(default_factory=FaultScript)
    calls: list[dict[str, str]] = field(default_factory=list)

    def asgi(self) -> ASGIApp:
        """The service as an application, with its faults."""
        return Faulty(self._app(), self.faults, refuse=_refused)

    def compared(self, log: SchemaLog) -> ASGIApp:
        """The same under the wire schema."""
        checked = Checked(self._app(), wire(), CALLS, refusal="refusal", log=log)
        return Faulty(checked, self.faults, refuse=_refused)

    def _app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/forecast", self._forecast)])

    async def _forecast(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.calls.append(asked)
        if self.paid and asked.get("apikey") != KEY:
            return _refusal(401, "The supplied API key is invalid.")
        try:
            places = list(
                zip(asked["latitude"].split(","), asked["longitude"].split(","), strict=True)
            )
            day = date.fromisoformat(asked["start_date"])
        except (KeyError, ValueError):
            return _refusal(400, "Parameters are missing or do not fit")
        if asked.get("hourly") != "precipitation" or asked.get("end_date") != day.isoformat():
            return _refusal(400, "Cannot initialize from the parameters")
        answers = [self._answer(place, day, asked.get("timezone", "GMT")) for place in places]
        return JSONResponse(answers[0] if len(answers) == 1 else answers)

    def _answer(self, place: tuple[str, str], day: date, zone: str) -> dict[str, object]:
        return {
            "latitude": float(place[0]),
            "longitude": float(place[1]),
            "generationtime_ms": 0.05,
            "utc_offset_seconds": 32400,
            "timezone": zone,
            "timezone_abbreviation": "GMT+9",
            "elevation": 38.0,
            "hourly_units": {"time": "iso8601", "precipitation": "mm"},
            "hourly": {
                "time": [f"{day.isoformat()}T{hour:02d}:00" for hour in range(24)],
                "precipitation": self.sky(*place, day),
            },
        }


def _refused(fault: Fault) -> Response:
    after = None if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return _refusal(STATUS[fault.kind], f"a fault: {fault.kind}", after)


def _refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": True, "reason": reason}, status, headers=headers)


class OpenMeteoTwin(TwinBase):
    """The paid service, served on loopback: it sells nothing."""

    kind: Literal["cart", "till", "service"] = "service"

    def __init__(self, context: StageContext) -> None:
        self.service = TwinService(paid=True)
        log = SchemaLog(SOURCE)
        app = self.service.compared(log)
        super().__init__(context, app, self.service.faults, retries=False, schema=log)

    def settings(self) -> Mapping[str, object]:
        """Two areas."""
        areas = {"kyoto": "35.01,135.77", "tokyo": "35.68,139.77"}
        return {"areas": areas, "api_key": KEY, "base_url": self.base_url}
