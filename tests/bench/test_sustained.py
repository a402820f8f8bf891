"""A real plugin's webhooks, end to end."""

import pytest
from bench.ground import Ground

from bench import sustained


async def test_every_delivery_ends_as_points_and_a_mirror_row(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MEMBERS", 20), ("DELIVERIES", 30), ("WARM_UP", 10)):
        monkeypatch.setattr(sustained, name, value)
    await sustained.prepare(ground)
    assert await sustained.end_to_end(ground) > 0  # what was booked is counted there
