"""Payloads spoilt by dice: the same each time, one place or two, some in another encoding."""

import json

from renkei_contracts.testing.throws import encoded, seeded, thrown

ORDER = {"id": 7, "lines": [{"sku": "緑茶", "yen": 1_080}]}
COUNT = 2_000


def spoilt(seed: int) -> list[bytes]:
    dice = seeded(seed)
    return [encoded(body, dice) for _, body in thrown(ORDER, dice, COUNT)]


def test_the_same_dice_spoil_the_same_way() -> None:
    assert spoilt(1) == spoilt(1) != spoilt(2)


def test_the_body_itself_stays_whole_and_every_place_is_spoilt() -> None:
    whole = json.dumps(ORDER)
    places = {path for path, body in thrown(ORDER, seeded(3), COUNT) if body != ORDER}
    assert places == {("id",), ("lines",), ("lines", 0, "sku"), ("lines", 0, "yen")}
    assert json.dumps(ORDER) == whole


def test_what_a_plugin_adds_is_put_in_too() -> None:
    bodies = [body for _, body in thrown(ORDER, seeded(4), COUNT, also=("2026-07-01",))]
    assert any(body.get("id") == "2026-07-01" for body in bodies)
    assert not any(body.get("id") == "2026-07-01" for _, body in thrown(ORDER, seeded(4), COUNT))


def test_some_are_no_json_and_most_are() -> None:
    def is_json(raw: bytes) -> bool:
        try:
            json.loads(raw)
        except ValueError:
            return False
        return True

    readable = sum(map(is_json, spoilt(5)))
    assert COUNT * 8 // 10 < readable < COUNT
