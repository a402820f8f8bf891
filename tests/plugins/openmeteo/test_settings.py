"""What a connection must know, and where it then asks; secrets stay out of messages."""

from typing import Any

import pytest
from pydantic import ValidationError

from renkei_openmeteo.settings import FREE, MOST_AREAS, PAID, OpenMeteoSettings

AREAS = {"kyoto": "35.01,135.77"}


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, FREE),
        ({"api_key": "k"}, PAID),
        ({"base_url": "https://weather.example.jp/"}, "https://weather.example.jp"),
        ({"base_url": "http://localhost:8080", "api_key": "k"}, "http://localhost:8080"),
    ],
)
def test_the_key_decides_which_service_is_asked(settings: dict[str, Any], address: str) -> None:
    assert OpenMeteoSettings.model_validate({"areas": AREAS} | settings).address == address


@pytest.mark.parametrize(
    "wrong",
    [
        {"areas": {}},
        {"areas": {"Kyoto": "35.01,135.77"}},
        {"areas": {"kyoto": "35.01"}},
        {"areas": {"kyoto": "135.77,35.01"}},
        {"areas": {"kyoto": "35.01,135.77&apikey=x"}},
        {"areas": {f"a{n}": "35,135" for n in range(MOST_AREAS + 1)}},
        {"rain_mm": "0"},
        {"first_hour": 21, "last_hour": 9},
        {"last_hour": 25},
        {"zone": "Mars/Olympus"},
        {"base_url": "http://weather.example.jp"},
        {"speed": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpenMeteoSettings.model_validate({"areas": AREAS} | wrong)


def test_the_key_is_never_shown() -> None:
    settings = OpenMeteoSettings.model_validate({"areas": AREAS, "api_key": "s3cret"})
    assert "s3cret" not in repr(settings)
