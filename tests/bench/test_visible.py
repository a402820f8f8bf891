"""Commits at tills that other shops show, and how long that took."""

import pytest
from bench.ground import Ground
from bench.visible import Wait, beyond

from bench import visible


async def test_every_commit_is_seen_in_every_shop_of_its_program(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"MEMBERS": 500, "SECONDS": 0.5, "WARM_UP": 0.1, "LIMIT": 30.0}
    for name, value in sizes.items():
        monkeypatch.setattr(visible, name, value)
    await visible.prepare(ground)
    assert await visible.p999(ground) >= await visible.p99(ground) > 0
    assert await visible.published(ground) > 0  # a shop that is throttled makes the lag


def test_what_was_before_a_commit_by_the_limit_is_no_fault_of_the_hub() -> None:
    one_after_the_other = [Wait(0.0, 1.0), Wait(0.0, 2.0), Wait(0.0, 3.0)]
    assert beyond(one_after_the_other, 1.0) == 0.0
    assert beyond([*one_after_the_other, Wait(0.5, 6.5)], 1.0) == 2.0
    assert beyond([Wait(0.0, 1.0), Wait(5.0, 7.5)], 1.0) == 1.5
