"""Signatures: constant time, several keys, closed when nothing is configured."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.toolkit.signature import (
    filled,
    hmac_sha256_base64,
    require_hmac_base64,
    require_hmac_hex,
    require_recent,
    require_secret,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BODY = b'{"id":820982911946154508,"currency":"JPY","total_price":"1100"}'
SIGNED = "VV2IB3vP51JHK+CVFTBnZEf08+NoNmRzPk45/4ss32Q="


def test_the_published_vector_is_accepted() -> None:
    assert hmac_sha256_base64("hush", BODY) == SIGNED
    require_hmac_base64(SIGNED, ["hush"], BODY)


def test_a_signature_in_hexadecimal_digits_is_accepted_as_it_is_written() -> None:
    body = b'[{"entity":"order","id":5,"action":"updated"}]'
    signed = "378d31c2ef3d171956f3a724fa33fb8eb8ad3497c0391f640d7da0a3dccaee8f"
    require_hmac_hex(signed, ["another", "my-secret"], body)
    for other in (signed.upper(), signed[:-1], None):
        with pytest.raises(SignatureInvalid):
            require_hmac_hex(other, ["my-secret"], body)


def test_a_key_that_was_rotated_out_is_still_accepted_while_it_is_listed() -> None:
    require_hmac_base64(SIGNED, ["new", "hush"], BODY)


@pytest.mark.parametrize(
    "given_signature",
    [None, "", SIGNED[:-1], SIGNED[:8], SIGNED + "=", f" {SIGNED}", SIGNED.lower(), "é" * 44],
)
def test_a_missing_cut_or_odd_signature_is_refused(given_signature: str | None) -> None:
    with pytest.raises(SignatureInvalid):
        require_hmac_base64(given_signature, ["hush"], BODY)


def test_an_empty_secret_is_no_key() -> None:
    assert filled(SecretStr(""), SecretStr("b"), SecretStr("a")) == ("b", "a")


@pytest.mark.parametrize("keys", [[], [""], ["", ""]])
def test_without_a_key_nothing_is_accepted(keys: list[str]) -> None:
    with pytest.raises(SignatureInvalid, match="no signing secret"):
        require_hmac_base64(hmac_sha256_base64("", BODY), keys, BODY)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_the_signature_of_one_body_fits_no_other(one: bytes, other: bytes) -> None:
    if one != other:
        with pytest.raises(SignatureInvalid):
            require_hmac_base64(hmac_sha256_base64("hush", one), ["hush"], other)


@pytest.mark.parametrize("given_secret", [None, "", "secre", "secrets", "秘密"])
def test_a_wrong_secret_is_refused(given_secret: str | None) -> None:
    with pytest.raises(SignatureInvalid):
        require_secret(given_secret, "secret", "path secret")


def test_an_empty_secret_is_a_closed_door() -> None:
    with pytest.raises(SignatureInvalid, match="no path secret"):
        require_secret("", "", "path secret")


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_timestamp_within_the_window_is_accepted(seconds: int) -> None:
    require_recent(str(int(NOW.timestamp()) + seconds), NOW, timedelta(seconds=300))


@pytest.mark.parametrize(
    "given_time", [None, "", "x", "-1", "1e9", "１７００００００００", "9" * 13]
)
def test_what_is_no_timestamp_is_refused(given_time: str | None) -> None:
    with pytest.raises(SignatureInvalid):
        require_recent(given_time, NOW, timedelta(seconds=300))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_stale_or_future_timestamp_is_refused(seconds: int) -> None:
    with pytest.raises(SignatureInvalid):
        require_recent(str(int(NOW.timestamp()) + seconds), NOW, timedelta(seconds=300))
