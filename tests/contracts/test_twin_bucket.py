"""How many calls a twin answers."""

import pytest

from renkei_contracts.twin.bucket import Bucket


@pytest.fixture
def at() -> list[float]:
    return [0.0]


@pytest.fixture
def bucket(at: list[float]) -> Bucket:
    return Bucket(2000, 100, clock=lambda: at[0])


def test_what_is_taken_comes_back_with_time(bucket: Bucket, at: list[float]) -> None:
    assert bucket.holds(2000)
    bucket.take(1990)
    assert not bucket.holds(20)
    assert bucket.wait(20) == 0.1
    at[0] = 0.1
    assert bucket.holds(20)
    assert bucket.wait(20) == 0


def test_it_never_holds_more_than_its_maximum(bucket: Bucket, at: list[float]) -> None:
    assert bucket.holds(2000)
    at[0] = 1000.0
    assert not bucket.holds(2001)


def test_it_can_begin_empty() -> None:
    assert not Bucket(2, 1, 0, clock=lambda: 0.0).holds()
