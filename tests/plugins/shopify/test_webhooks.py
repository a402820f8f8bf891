"""Deliveries: who may speak, what names them, and what they tell."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import (
    Changed,
    Ignored,
    MemberLeft,
    MemberSeen,
    MembersMerged,
    Observation,
    OrderSeen,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.webhooks import ShopifyWebhooks

BODY = b'{"id":820982911946154508,"currency":"JPY","total_price":"1100"}'
SIGNATURE = "VV2IB3vP51JHK+CVFTBnZEf08+NoNmRzPk45/4ss32Q="
HMAC = "X_Shopify_Hmac_Sha256"

Deliver = Callable[..., Delivery]
Connect = Callable[..., Connection[ShopifySettings]]
Payload = Callable[[str], dict[str, Any]]


@pytest.fixture
def hooks(connect: Connect) -> ShopifyWebhooks:
    return ShopifyWebhooks(connect(client_secret="hush"))


@pytest.fixture
def read(hooks: ShopifyWebhooks, deliver: Deliver) -> Callable[[str, Any], Observation]:
    def one(topic: str, body: Any) -> Observation:
        (observation,) = hooks.read(deliver(topic, body))
        return observation

    return one


class TestVerify:
    def test_the_known_vector_is_accepted(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime
    ) -> None:
        hooks.verify(deliver("orders/create", BODY, **{HMAC: SIGNATURE}), now)

    def test_the_newer_spelling_of_the_headers_is_accepted(
        self, hooks: ShopifyWebhooks, now: datetime
    ) -> None:
        headers = (
            ("shopify-hmac-sha256", SIGNATURE),
            ("shopify-shop-domain", "renkei-twin.myshopify.com"),
        )
        hooks.verify(Delivery("shop-a", now, headers, BODY), now)

    def test_header_names_are_read_in_any_case(self, hooks: ShopifyWebhooks, now: datetime) -> None:
        headers = (
            ("X-SHOPIFY-HMAC-SHA256", SIGNATURE),
            ("x-shopify-shop-domain", "Renkei-Twin.MyShopify.com"),
        )
        hooks.verify(Delivery("shop-a", now, headers, BODY), now)

    @pytest.mark.parametrize(
        "settings",
        [
            {"client_secret": "new", "old_client_secret": "hush"},
            {"client_secret": "other", "notification_secrets": ["first", "hush"]},
            {"client_secret": "", "access_token": "t", "notification_secrets": ["hush"]},
        ],
        ids=["rotated", "made-by-hand", "only-by-hand"],
    )
    def test_any_configured_secret_is_accepted(
        self, connect: Connect, deliver: Deliver, now: datetime, settings: dict[str, Any]
    ) -> None:
        ShopifyWebhooks(connect(**settings)).verify(deliver("orders/create", BODY), now)

    @pytest.mark.parametrize(
        "signature",
        [
            pytest.param(None, id="unsigned"),
            pytest.param("", id="empty"),
            pytest.param(" ", id="blank"),
            pytest.param("AAAA" + SIGNATURE[4:], id="forged"),
            pytest.param(SIGNATURE[:-8], id="truncated"),
            pytest.param(SIGNATURE[:4], id="prefix-only"),
            pytest.param(SIGNATURE + "=", id="longer"),
            pytest.param(base64.b64decode(SIGNATURE).hex(), id="re-encoded-as-hex"),
            pytest.param(
                base64.urlsafe_b64encode(base64.b64decode(SIGNATURE)).decode(), id="url-safe"
            ),
            pytest.param(SIGNATURE.lower(), id="lower-case"),
            pytest.param(f"sha256={SIGNATURE}", id="prefixed"),
            pytest.param(hmac_sha256_base64("wrong", BODY), id="wrong-key"),
            pytest.param(hmac_sha256_base64("", BODY), id="empty-key"),
            pytest.param(
                base64.b64encode(hmac.new(b"hush", BODY, hashlib.sha1).digest()).decode(),
                id="other-algorithm",
            ),
            pytest.param("ＶＶ2IB3vP51JHK+CVFTBnZEf08+NoNmRzPk45/4ss32Q=", id="non-ascii"),
            pytest.param("\udcff\udcfe", id="undecodable"),
        ],
    )
    def test_a_wrong_signature_is_refused(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime, signature: str | None
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver("orders/create", BODY, **{HMAC: signature}), now)

    @pytest.mark.parametrize(
        "body",
        [BODY[:-1], BODY + b"\n", BODY.replace(b"1100", b"1101"), b"", json.dumps(BODY.decode())],
        ids=["short", "newline", "one-byte-changed", "empty", "re-encoded"],
    )
    def test_a_changed_body_is_refused(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime, body: bytes
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver("orders/create", body, **{HMAC: SIGNATURE}), now)

    @pytest.mark.parametrize("domain", [None, "", "other.myshopify.com", "myshopify.com"])
    def test_another_shop_of_the_same_app_is_refused(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime, domain: str | None
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver("orders/create", BODY, X_Shopify_Shop_Domain=domain), now)

    def test_another_connections_secret_is_refused(
        self, connect: Connect, deliver: Deliver, now: datetime
    ) -> None:
        with pytest.raises(SignatureInvalid):
            ShopifyWebhooks(connect(client_secret="theirs")).verify(deliver("a", BODY), now)

    @pytest.mark.parametrize("signature", [None, hmac_sha256_base64("", BODY)])
    def test_without_any_secret_everything_is_refused(
        self, connect: Connect, deliver: Deliver, now: datetime, signature: str | None
    ) -> None:
        connection = connect()
        # The model refuses such settings; they could still be written by an older version.
        none = {"client_secret": SecretStr("")}
        closed = replace(connection, settings=connection.settings.model_copy(update=none))
        hooks = ShopifyWebhooks(closed)
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver("orders/create", BODY, **{HMAC: signature}), now)

    @pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
    def test_a_forged_privacy_request_is_refused(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime, topic: str
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(topic, BODY, **{HMAC: "forged"}), now)

    def test_a_refusal_repeats_neither_secret_nor_signature(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime
    ) -> None:
        with pytest.raises(SignatureInvalid) as caught:
            hooks.verify(deliver("orders/create", BODY, **{HMAC: "forged-value"}), now)
        assert "hush" not in str(caught.value)
        assert "forged-value" not in str(caught.value)


class TestKey:
    def test_a_retry_keeps_its_key(self, hooks: ShopifyWebhooks, deliver: Deliver) -> None:
        again = deliver("orders/paid", BODY), deliver("orders/paid", BODY)
        assert hooks.key(again[0]) == hooks.key(again[1]) == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"

    def test_two_deliveries_of_the_same_body_have_two_keys(
        self, hooks: ShopifyWebhooks, deliver: Deliver
    ) -> None:
        other = deliver("orders/paid", BODY, X_Shopify_Webhook_Id="another")
        assert hooks.key(deliver("orders/paid", BODY)) != hooks.key(other)

    def test_without_an_id_topic_and_body_make_the_key(
        self, hooks: ShopifyWebhooks, deliver: Deliver
    ) -> None:
        def key(topic: str, body: bytes) -> str | None:
            return hooks.key(deliver(topic, body, X_Shopify_Webhook_Id=None))

        assert len({key("a", b"1"), key("b", b"1"), key("a", b"2"), key("a", b"1")}) == 3


class TestOrders:
    @pytest.mark.parametrize(
        "event", ["create", "paid", "updated", "cancelled", "fulfilled", "partially_fulfilled"]
    )
    def test_an_order_is_read_from_the_body(
        self, read: Callable[[str, Any], Observation], payload: Payload, event: str
    ) -> None:
        seen = read(f"orders/{event}", payload("order_paid"))
        assert isinstance(seen, OrderSeen)
        assert seen.order.ref == ExternalRef(connection="shop-a", id="5123456789012")

    def test_the_newer_spelling_of_the_topic_is_read(
        self, hooks: ShopifyWebhooks, payload: Payload, now: datetime
    ) -> None:
        body = json.dumps(payload("order_paid")).encode()
        delivery = Delivery("shop-a", now, (("shopify-topic", "orders/paid"),), body)
        assert isinstance(hooks.read(delivery)[0], OrderSeen)

    @pytest.mark.parametrize(
        "key",
        [
            "created_at",
            "updated_at",
            "cancelled_at",
            "financial_status",
            "currency",
            "taxes_included",
            "test",
            "customer",
            "line_items",
            "refunds",
        ],
    )
    def test_a_trimmed_order_is_only_a_hint(
        self, read: Callable[[str, Any], Observation], payload: Payload, key: str
    ) -> None:
        body = payload("order_paid")
        del body[key]
        seen = read("orders/paid", body)
        assert isinstance(seen, Changed)
        assert (seen.kind, seen.ref.id) == ("order", "5123456789012")

    @pytest.mark.parametrize(
        "key", ["id", "quantity", "price", "discount_allocations", "tax_lines"]
    )
    def test_an_order_with_a_trimmed_line_is_only_a_hint(
        self, read: Callable[[str, Any], Observation], payload: Payload, key: str
    ) -> None:
        body = payload("order_paid")
        del body["line_items"][0][key]
        assert isinstance(read("orders/paid", body), Changed)

    @pytest.mark.parametrize(
        ("key", "value"), [("quantity", 30), ("price", "1e9"), ("price", "1e999999999")]
    )
    def test_an_order_whose_lines_do_not_add_up_to_its_subtotal_is_only_a_hint(
        self, read: Callable[[str, Any], Observation], payload: Payload, key: str, value: object
    ) -> None:
        body = payload("order_paid")
        assert isinstance(read("orders/paid", body), OrderSeen)
        body["line_items"][0][key] = value
        assert isinstance(read("orders/paid", body), Changed)

    @pytest.mark.parametrize("key", ["line_item_id", "quantity", "subtotal", "total_tax"])
    def test_an_order_with_a_trimmed_refund_is_only_a_hint(
        self, read: Callable[[str, Any], Observation], payload: Payload, key: str
    ) -> None:
        body = payload("order_paid")
        refund = payload("refund_created")
        del refund["refund_line_items"][0][key]
        body["refunds"] = [refund]
        assert isinstance(read("orders/updated", body), Changed)

    @pytest.mark.parametrize(
        ("topic", "body"),
        [
            ("refunds/create", "refund_created"),
            ("orders/edited", "order_edited"),
            ("orders/delete", "order_paid"),
        ],
    )
    def test_what_is_no_whole_order_is_a_hint(
        self,
        read: Callable[[str, Any], Observation],
        payload: Payload,
        topic: str,
        body: str,
    ) -> None:
        seen = read(topic, payload(body))
        assert isinstance(seen, Changed)
        assert (seen.kind, seen.ref.id) == ("order", "5123456789012")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"1",
            b'"order"',
            b"{}",
            b"{",
            b"\xff\xfe\x00",
            b'{"id":' + b"9" * 5000 + b"}",
            b"[" * 100_000,
            b'{"id":NaN}',
            b'{"id":"5123456789012"}',
            b'{"id":-1}',
            b'{"id":true}',
            b'{"id":99999999999999999999999}',
        ],
        ids=range(15),
    )
    @pytest.mark.parametrize("topic", ["orders/paid", "refunds/create", "customers/update"])
    def test_a_body_that_names_nothing_is_invalid(
        self, hooks: ShopifyWebhooks, deliver: Deliver, topic: str, body: bytes
    ) -> None:
        with pytest.raises(PayloadInvalid):
            hooks.read(deliver(topic, body))

    def test_an_invalid_body_is_not_repeated_in_the_error(
        self, hooks: ShopifyWebhooks, deliver: Deliver, payload: Payload
    ) -> None:
        body = payload("order_paid")
        body["line_items"][0]["price"] = body["email"]
        with pytest.raises(PayloadInvalid) as caught:
            hooks.read(deliver("orders/paid", body))
        assert "a@example.com" not in repr(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None


class TestMembers:
    @pytest.mark.parametrize("event", ["create", "update", "enable", "disable"])
    def test_a_customer_is_read_from_the_body(
        self, read: Callable[[str, Any], Observation], payload: Payload, event: str
    ) -> None:
        seen = read(f"customers/{event}", payload("customer"))
        assert isinstance(seen, MemberSeen)
        assert (seen.member.family_name, seen.member.given_name) == ("山田", "花子")
        assert seen.member.changed_at == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)

    def test_the_echo_of_our_own_write_carries_no_points(
        self, read: Callable[[str, Any], Observation], payload: Payload
    ) -> None:
        echo = {**payload("customer"), "metafields": [{"key": "points", "value": "132"}]}
        seen = read("customers/update", echo)
        assert isinstance(seen, MemberSeen)
        assert seen.member.points_seen is None

    @pytest.mark.parametrize("key", ["updated_at", "email", "verified_email"])
    def test_a_trimmed_customer_is_only_a_hint(
        self, read: Callable[[str, Any], Observation], payload: Payload, key: str
    ) -> None:
        body = payload("customer")
        del body[key]
        seen = read("customers/update", body)
        assert isinstance(seen, Changed)
        assert (seen.kind, seen.ref.id) == ("member", "7123456789")

    def test_the_setting_takes_the_proof_from_a_verified_address(
        self, connect: Connect, deliver: Deliver, payload: Payload
    ) -> None:
        hooks = ShopifyWebhooks(connect(trust_verified_email=False))
        (seen,) = hooks.read(deliver("customers/update", payload("customer")))
        assert isinstance(seen, MemberSeen)
        grades = {one.kind: one.grade for one in seen.member.identities}
        assert grades[IdentityKind.EMAIL] is Grade.ASSERTED

    def test_a_deleted_customer_has_left(
        self, read: Callable[[str, Any], Observation], now: datetime
    ) -> None:
        seen = read("customers/delete", {"id": 7123456789})
        assert seen == MemberLeft(ref=ExternalRef(connection="shop-a", id="7123456789"), at=now)

    def test_a_merge_tells_who_was_kept_and_the_one_kept_is_read_again(
        self, hooks: ShopifyWebhooks, deliver: Deliver, payload: Payload, now: datetime
    ) -> None:
        kept, gone = (
            ExternalRef(connection="shop-a", id=id) for id in ("7123456789", "7123456790")
        )
        assert hooks.read(deliver("customers/merge", payload("customers_merged"))) == [
            MembersMerged(kept=kept, gone=gone, at=now),
            Changed(kind="member", ref=kept),
        ]

    @pytest.mark.parametrize("status", ["failed", "requested", "in_progress"])
    def test_a_merge_that_was_not_done_is_none(
        self, read: Callable[[str, Any], Observation], payload: Payload, status: str
    ) -> None:
        seen = read("customers/merge", payload("customers_merged") | {"status": status})
        assert isinstance(seen, Ignored)

    @pytest.mark.parametrize("status", [None, "surprising"])
    def test_a_merge_of_which_the_outcome_is_not_clear_is_read_up(
        self, read: Callable[[str, Any], Observation], payload: Payload, status: str | None
    ) -> None:
        seen = read("customers/merge", payload("customers_merged") | {"status": status})
        assert isinstance(seen, Changed)
        assert (seen.kind, seen.ref.id) == ("member", "7123456789")

    def test_a_customer_to_be_erased_is_a_member_somebody_must_look_at(
        self, hooks: ShopifyWebhooks, deliver: Deliver, now: datetime
    ) -> None:
        body = {"shop_id": 1, "customer": {"id": 7123456789, "email": "a@example.com"}}
        left, asked = hooks.read(deliver("customers/redact", body))
        assert left == MemberLeft(ref=ExternalRef(connection="shop-a", id="7123456789"), at=now)
        assert isinstance(asked, Ignored)
        assert "a person must" in asked.reason

    @pytest.mark.parametrize(
        "kept", [None, "", "7123456789", "gid://shopify/Customer/", "gid://shopify/Customer/0"]
    )
    def test_a_merge_that_names_nobody_is_invalid(
        self, read: Callable[[str, Any], Observation], kept: str | None
    ) -> None:
        with pytest.raises(PayloadInvalid):
            read("customers/merge", {"admin_graphql_api_customer_kept_id": kept})


class TestIgnored:
    @pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
    def test_a_privacy_request_says_that_a_person_must_act(
        self, read: Callable[[str, Any], Observation], topic: str
    ) -> None:
        seen = read(topic, {"shop_domain": "renkei-twin.myshopify.com"})
        assert isinstance(seen, Ignored)
        assert "a person must" in seen.reason

    def test_an_uninstalled_app_says_what_to_do(
        self, read: Callable[[str, Any], Observation]
    ) -> None:
        seen = read("app/uninstalled", {})
        assert isinstance(seen, Ignored)
        assert "authorize" in seen.reason

    @pytest.mark.parametrize("topic", ["", "products/update", "お" * 600, "\ud800"])
    def test_an_unknown_topic_is_ignored_whatever_its_body(
        self, hooks: ShopifyWebhooks, deliver: Deliver, topic: str
    ) -> None:
        assert isinstance(hooks.read(deliver(topic, b"not json"))[0], Ignored)
