"""The forecast service as a small program: its answers, its refusals, and its faults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from renkei_contracts.twin.faults import FaultScript

KEY = "twin-key"

Sky = Callable[[str, str, date], list[float | None]]
"""Millimetres of the 24 hours of a day at a place (latitude, longitude)."""


def dry(latitude: str, longitude: str, day: date) -> list[float | None]:
    """No rain anywhere."""
    return [0.0] * 24


@dataclass
class TwinService:
    """What it knows of the sky; ``paid``: whether a key is asked for."""

    sky: Sky = dry
    paid: bool = False
    faults: FaultScript = field(default_factory=FaultScript)
    calls: list[dict[str, str]] = field(default_factory=list)

    def asgi(self) -> Starlette:
        """The service as an application."""
        return Starlette(routes=[Route("/v1/forecast", self._forecast)])

    async def _forecast(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.calls.append(asked)
        fault = self.faults.take(request.url.path)
        if fault is not None:
            status = {"unauthorized": 401, "rate_limited": 429}.get(fault.kind, 500)
            return _refusal(status, f"a fault: {fault.kind}")
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


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": True, "reason": reason}, status)
