"""Unsigned hints: what gets in, what stays out, and what a hint says."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.twin import HEADER_SECRET, PATH_SECRET
from renkei_smaregi.webhooks import SmaregiWebhooks

Connect = Callable[..., Connection[SmaregiSettings]]
Deliver = Callable[..., Delivery]
Payload = Callable[[str], Any]

HEADER = "X_Renkei_Secret"


@pytest.fixture
def hooks(connect: Connect) -> SmaregiWebhooks:
    return SmaregiWebhooks(connect())


@pytest.fixture
def hint(payload: Payload) -> dict[str, Any]:
    found: dict[str, Any] = payload("webhook_transactions")
    return found


class TestVerify:
    def test_a_genuine_delivery_is_accepted(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        hooks.verify(deliver(hint), now)

    def test_header_names_are_read_in_any_case(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        genuine = deliver(hint)
        shouted = tuple((name.upper(), value) for name, value in genuine.headers)
        hooks.verify(replace(genuine, headers=shouted), now)

    def test_a_rotated_header_is_accepted_under_both_values(
        self, connect: Connect, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        hooks = SmaregiWebhooks(connect(header_secret="new", old_header_secret=HEADER_SECRET))
        hooks.verify(deliver(hint), now)
        hooks.verify(deliver(hint, **{HEADER: "new"}), now)

    def test_the_misspelt_contract_key_is_accepted(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        hint["contactId"] = hint.pop("contractId")
        hooks.verify(deliver(hint), now)
        assert isinstance(hooks.read(deliver(hint))[0], Changed)

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(None, id="missing"),
            pytest.param("", id="empty"),
            pytest.param(" ", id="blank"),
            pytest.param("forged", id="forged"),
            pytest.param(HEADER_SECRET[:-1], id="truncated"),
            pytest.param(HEADER_SECRET[:4], id="prefix-only"),
            pytest.param(HEADER_SECRET + "x", id="longer"),
            pytest.param(HEADER_SECRET + " ", id="trailing-space"),
            pytest.param(HEADER_SECRET.upper(), id="upper-case"),
            pytest.param(base64.b64encode(HEADER_SECRET.encode()).decode(), id="re-encoded"),
            pytest.param(f"{HEADER_SECRET},{HEADER_SECRET}", id="twice"),
            pytest.param(PATH_SECRET, id="the-other-secret"),
            pytest.param("ｔｗｉｎ-header-secret", id="non-ascii"),
            pytest.param("\udcff\udcfe", id="undecodable"),
        ],
    )
    def test_a_wrong_header_is_refused(
        self,
        hooks: SmaregiWebhooks,
        deliver: Deliver,
        now: datetime,
        hint: Any,
        value: str | None,
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(hint, **{HEADER: value}), now)

    @pytest.mark.parametrize(
        "secret", ["", "forged", PATH_SECRET[:-1], PATH_SECRET + "/", HEADER_SECRET, "ｔｗｉｎ"]
    )
    def test_a_wrong_address_is_refused(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any, secret: str
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(hint, path_secret=secret), now)

    @pytest.mark.parametrize("contract", [None, "", "twin0", "twin011", "TWIN01", "other"])
    def test_another_contract_in_the_header_is_refused(
        self,
        hooks: SmaregiWebhooks,
        deliver: Deliver,
        now: datetime,
        hint: Any,
        contract: str | None,
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(hint, smaregi_contract_id=contract), now)

    @pytest.mark.parametrize("key", ["contractId", "contactId"])
    def test_another_contract_in_the_body_is_refused(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any, key: str
    ) -> None:
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver({**hint, key: "other"}), now)

    def test_one_byte_changed_in_the_contract_is_refused(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        body = json.dumps(hint).encode().replace(b"twin01", b"twin02")
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(body), now)

    def test_another_connections_secrets_are_refused(
        self, connect: Connect, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        theirs = SmaregiWebhooks(connect(header_secret="theirs", path_secret="their-path"))
        with pytest.raises(SignatureInvalid):
            theirs.verify(deliver(hint), now)

    @pytest.mark.parametrize("missing", ["header_secret", "path_secret"])
    @pytest.mark.parametrize("given", [None, "", HEADER_SECRET])
    def test_without_a_configured_secret_everything_is_refused(
        self,
        connect: Connect,
        deliver: Deliver,
        now: datetime,
        hint: Any,
        missing: str,
        given: str | None,
    ) -> None:
        hooks = SmaregiWebhooks(connect(**{missing: ""}))
        path = "" if missing == "path_secret" else PATH_SECRET
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(hint, path_secret=path, **{HEADER: given}), now)

    def test_an_old_secret_that_is_empty_opens_nothing(
        self, connect: Connect, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        hooks = SmaregiWebhooks(connect(old_header_secret=SecretStr("")))
        with pytest.raises(SignatureInvalid):
            hooks.verify(deliver(hint, **{HEADER: ""}), now)

    def test_a_refusal_repeats_no_secret(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, hint: Any
    ) -> None:
        for changed in ({HEADER: "forged-value"}, {"path_secret": "forged-value"}):
            with pytest.raises(SignatureInvalid) as caught:
                hooks.verify(deliver(hint, **changed), now)
            for secret in (HEADER_SECRET, PATH_SECRET, "forged-value"):
                assert secret not in str(caught.value)

    @pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b"x" * 1_000_000])
    def test_a_body_that_is_no_hint_is_for_reading_to_refuse(
        self, hooks: SmaregiWebhooks, deliver: Deliver, now: datetime, body: bytes
    ) -> None:
        hooks.verify(deliver(body), now)
        with pytest.raises(PayloadInvalid):
            hooks.read(deliver(body))


class TestKey:
    def test_a_hint_has_none_so_that_no_later_one_is_suppressed(
        self, hooks: SmaregiWebhooks, deliver: Deliver, hint: Any
    ) -> None:
        assert hooks.key(deliver(hint)) is None
        assert hooks.key(deliver(hint, smaregi_event_id=None)) is None


class TestRead:
    def test_a_sale_is_to_be_read_again(
        self, hooks: SmaregiWebhooks, deliver: Deliver, hint: Any
    ) -> None:
        (seen,) = hooks.read(deliver(hint))
        assert isinstance(seen, Changed)
        assert (seen.kind, str(seen.ref)) == ("order", "store-a/25")

    def test_every_member_named_is_to_be_read_again(
        self, hooks: SmaregiWebhooks, deliver: Deliver, payload: Payload
    ) -> None:
        seen = hooks.read(deliver(payload("webhook_customers")))
        assert [(one.kind, one.ref.id) for one in seen if isinstance(one, Changed)] == [
            ("member", "1"),
            ("member", "10"),
            ("member", "12"),
        ]

    @pytest.mark.parametrize("action", ["created", "edited", "canceled", "disposed", "?", None])
    def test_whatever_happened_to_it(
        self, hooks: SmaregiWebhooks, deliver: Deliver, hint: Any, action: str | None
    ) -> None:
        assert isinstance(hooks.read(deliver({**hint, "action": action}))[0], Changed)

    def test_an_id_named_twice_is_one_hint(
        self, hooks: SmaregiWebhooks, deliver: Deliver, hint: Any
    ) -> None:
        hint["transactionHeadIds"] = ["25", "26", "25"]
        assert len(hooks.read(deliver(hint))) == 2

    def test_no_ids_are_ignored(self, hooks: SmaregiWebhooks, deliver: Deliver, hint: Any) -> None:
        hint["transactionHeadIds"] = []
        assert isinstance(hooks.read(deliver(hint))[0], Ignored)

    def test_members_are_of_no_concern_where_the_plan_has_none(
        self, connect: Connect, deliver: Deliver, payload: Payload
    ) -> None:
        told = deliver(payload("webhook_customers"))
        (seen,) = SmaregiWebhooks(connect(members=False)).read(told)
        assert isinstance(seen, Ignored)

    @pytest.mark.parametrize(
        "event", [None, "", "pos:products", "pos:stock", "waiter:orders", "お" * 600, "\ud800"]
    )
    def test_another_event_is_ignored_whatever_its_body(
        self, hooks: SmaregiWebhooks, deliver: Deliver, event: str | None
    ) -> None:
        assert isinstance(hooks.read(deliver(b"not json", smaregi_event=event))[0], Ignored)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"{}",
            b"{",
            b"\xff\xfe\x00",
            b"[" * 100_000,
            b'{"contractId":"twin01"}',
            b'{"transactionHeadIds":["25"]}',
            b'{"contractId":"twin01","transactionHeadIds":"25"}',
            b'{"contractId":"twin01","transactionHeadIds":[null]}',
            b'{"contractId":"twin01","transactionHeadIds":[""]}',
            b'{"contractId":"twin01","transactionHeadIds":["25/../1"]}',
            b'{"contractId":"twin01","transactionHeadIds":["-1"]}',
            b'{"contractId":"twin01","transactionHeadIds":[2.5]}',
            b'{"contractId":"twin01","transactionHeadIds":[true]}',
            b'{"contractId":"twin01","transactionHeadIds":["' + b"9" * 50 + b'"]}',
            '{"contractId":"twin01","transactionHeadIds":["２５"]}'.encode(),
        ],
        ids=range(18),
    )
    def test_a_body_that_names_nothing_is_invalid(
        self, hooks: SmaregiWebhooks, deliver: Deliver, body: bytes
    ) -> None:
        with pytest.raises(PayloadInvalid):
            hooks.read(deliver(body))

    def test_an_invalid_body_is_not_repeated_in_the_error(
        self, hooks: SmaregiWebhooks, deliver: Deliver
    ) -> None:
        with pytest.raises(PayloadInvalid) as caught:
            hooks.read(deliver(b'{"contractId":"hanako@example.jp'))
        assert "hanako" not in repr(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None
