"""Deliveries: signed in hexadecimal digits, a list of hints, sent before the commit."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft, Observation
from renkei_eccube.webhooks import DELAY, EccubeWebhooks

Hooks = Callable[..., EccubeWebhooks]
Deliver = Callable[..., Delivery]

# Worked out by hand for the project's fact sheet.
BODY = b'[{"entity":"order","id":5,"action":"updated"}]'
SIGNED = "378d31c2ef3d171956f3a724fa33fb8eb8ad3497c0391f640d7da0a3dccaee8f"


def read(hooks: Hooks, deliver: Deliver, *told: object) -> list[Observation]:
    return list(hooks().read(deliver(json.dumps(told).encode())))


def test_the_known_vector_is_accepted(hooks: Hooks, clock: Callable[..., object]) -> None:
    delivery = Delivery("shop", clock(), (("x-eccube-signature", SIGNED),), BODY)  # type: ignore[arg-type]
    hooks().verify(delivery, delivery.received_at)


def test_a_shop_that_signs_nothing_is_refused(hooks: Hooks, delivery: Deliver) -> None:
    bare = Delivery("shop", delivery(BODY).received_at, (), BODY)
    with pytest.raises(SignatureInvalid, match="missing"):
        hooks().verify(bare, bare.received_at)
    with pytest.raises(SignatureInvalid, match="no signing secret"):
        hooks(webhook_secret="").verify(delivery(BODY, ""), bare.received_at)


def test_the_secret_before_is_accepted_while_it_is_known(hooks: Hooks, delivery: Deliver) -> None:
    old = delivery(BODY, "old-secret")
    hooks(old_webhook_secret="old-secret").verify(old, old.received_at)
    with pytest.raises(SignatureInvalid):
        hooks().verify(old, old.received_at)


def test_an_order_is_read_once_the_shop_has_committed_it(hooks: Hooks, delivery: Deliver) -> None:
    (seen,) = read(hooks, delivery, {"entity": "order", "id": 5, "action": "updated"})
    assert isinstance(seen, Changed)
    assert (seen.kind, seen.ref.id, seen.delay) == ("order", "5", DELAY)
    assert timedelta(seconds=3) <= DELAY


def test_the_same_words_are_another_change_each_time(hooks: Hooks, delivery: Deliver) -> None:
    assert hooks().key(delivery(BODY)) is None


def test_each_thing_of_one_request_is_told(hooks: Hooks, delivery: Deliver) -> None:
    seen = read(
        hooks,
        delivery,
        {"entity": "order", "id": 6, "action": "created"},
        {"entity": "customer", "id": 9, "action": "deleted"},
        {"entity": "product", "id": None, "action": "updated"},
        {"entity": "customer", "id": 12, "action": "updated"},
    )
    kinds = [(type(one), getattr(one, "ref", None) and one.ref.id) for one in seen]  # type: ignore[union-attr]
    assert kinds == [(Changed, "6"), (MemberLeft, "9"), (Ignored, None), (Changed, "12")]
    assert isinstance(seen[3], Changed)
    assert seen[3].kind == "member"


def test_an_order_that_is_deleted_is_read_again(hooks: Hooks, delivery: Deliver) -> None:
    (seen,) = read(hooks, delivery, {"entity": "order", "id": 5, "action": "deleted"})
    assert isinstance(seen, Changed)


def test_one_thing_without_its_list_is_understood_as_the_manual_has_it(
    hooks: Hooks, delivery: Deliver
) -> None:
    (seen,) = hooks().read(delivery(BODY[1:-1]))
    assert isinstance(seen, Changed)


@pytest.mark.parametrize("id", [0, -1, 5.0, "5", True, None, 2**31, [], {}])
def test_an_order_without_a_proper_id_is_invalid(
    hooks: Hooks, delivery: Deliver, id: object
) -> None:
    with pytest.raises(PayloadInvalid):
        read(hooks, delivery, {"entity": "order", "id": id, "action": "updated"})


def test_a_new_entity_or_action_is_ignored_with_its_name(hooks: Hooks, delivery: Deliver) -> None:
    for told in (
        {"entity": "news", "id": 1, "action": "updated"},
        {"entity": "order", "id": 1, "action": "archived"},
    ):
        (seen,) = read(hooks, delivery, told)
        assert isinstance(seen, Ignored)
        assert told["entity"] in seen.reason
