"""docs/pos-v1-vectors.json: what others build their signing on is what the hub accepts."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from renkei.web.proof import KEY_ID, NONCE
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.toolkit.till_signature import signed_text

FILE = Path(__file__).parents[3] / "docs" / "pos-v1-vectors.json"
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
VECTORS = {one["name"]: one for one in DOCUMENT["vectors"]}


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_is_what_the_hub_computes(name: str) -> None:
    vector: dict[str, Any] = VECTORS[name]
    headers, body = vector["headers"], vector["body"].encode()
    till = (headers["Renkei-Store"], headers["Renkei-Till"]) if "Renkei-Till" in headers else None
    signed = signed_text(
        vector["method"],
        vector["path"].encode(),
        vector["query"].encode(),
        headers["Renkei-Timestamp"],
        headers["Renkei-Nonce"],
        body,
        till,
    )
    assert signed.decode() == vector["signed"]
    assert hmac_sha256_base64(DOCUMENT["secret"], signed) == headers["Renkei-Signature"]
    assert hashlib.sha256(body).hexdigest() == vector["body_sha256"]
    assert KEY_ID.fullmatch(headers["Renkei-Key"])
    assert NONCE.fullmatch(headers["Renkei-Nonce"])


def test_there_is_a_vector_for_every_case() -> None:
    """One without a body, with a query, in Japanese, and of a gateway."""
    found = VECTORS.values()
    assert any(not one["body"] for one in found)
    assert any(one["query"] for one in found)
    assert any(not one["body"].isascii() for one in found)
    assert any(len(one["signed"].split("\n")) == 8 for one in found)
