"""Sealing secrets and personal data: AES-GCM, bound to the place each sealed thing belongs to.

A sealed value names its key and fits only the ``about`` it was made for: a row cannot be swapped
with another. Blind indexes let a value be looked up without being readable. Each member has a key
of their own, kept wrapped; destroying it erases the person and leaves the ledger.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from renkei.errors import SealBroken

NONCE = 12
KEY = 32


@dataclass(frozen=True)
class KeyRing:
    """The installation's keys by id (32 bytes each); new seals use ``current``.

    The blind index is derived from ``index_key`` (default: the current key), which must not change
    while identities exist.
    """

    keys: Mapping[str, bytes] = field(repr=False)
    current: str
    index_key: bytes | None = field(default=None, repr=False)

    def seal(self, data: bytes, about: str) -> bytes:
        """Sealed bytes that only this ring opens, and only for ``about``."""
        return _seal(self.keys[self.current], self.current, data, about)

    def open(self, sealed: bytes, about: str) -> bytes:
        """The bytes again; raises SealBroken."""
        key_id, rest = _key_id(sealed, about)
        if key_id not in self.keys:
            raise SealBroken(f"{about}: sealed with key {key_id!r}, which this hub does not have")
        return _open(self.keys[key_id], rest, about)

    def blind(self, kind: str, scope: str, value: str) -> bytes:
        """A digest by which the value can be found and from which it cannot be read (32 bytes)."""
        key = _derived(self.index_key or self.keys[self.current], "blind index")
        parts = (part.encode() for part in (kind, scope, value))
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(key, message, hashlib.sha256)

    def signing_seed(self) -> bytes:
        """The seed of the key with which the hub signs for others; as lasting as the index."""
        return _derived(self.index_key or self.keys[self.current], "signing ed25519")

    def new_member_key(self, member: str) -> tuple[bytes, bytes]:
        """(a member's new key, the same wrapped for keeping)."""
        key = secrets.token_bytes(KEY)
        return key, self.seal(key, f"member/{member}/key")

    def unwrap(self, member: str, wrapped: bytes) -> bytes:
        """The member's key; raises SealBroken."""
        return self.open(wrapped, f"member/{member}/key")

    def seal_for(self, key: bytes, data: bytes, about: str) -> bytes:
        """Sealed bytes under a member's own key."""
        return _seal(key, "", data, about)

    def open_for(self, key: bytes, sealed: bytes, about: str) -> bytes:
        """The bytes again; raises SealBroken."""
        _, rest = _key_id(sealed, about)
        return _open(key, rest, about)


def _seal(key: bytes, key_id: str, data: bytes, about: str) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    name = key_id.encode()
    return bytes([len(name)]) + name + nonce + AESGCM(key).encrypt(nonce, data, about.encode())


def _key_id(sealed: bytes, about: str) -> tuple[str, bytes]:
    length = sealed[0] if sealed else 0
    if len(sealed) < 1 + length + NONCE:
        raise SealBroken(f"{about}: too short to be sealed")
    return sealed[1 : 1 + length].decode("utf-8", "replace"), sealed[1 + length :]


def _open(key: bytes, rest: bytes, about: str) -> bytes:
    try:
        return AESGCM(key).decrypt(rest[:NONCE], rest[NONCE:], about.encode())
    except InvalidTag:
        raise SealBroken(
            f"{about}: sealed with another key, or changed behind our back: give the hub the "
            "secret key that this database was made with"
        ) from None


@lru_cache(maxsize=16)
def _derived(key: bytes, purpose: str) -> bytes:
    """Derived once: every order asks for the index's key several times."""
    return HKDF(SHA256(), KEY, salt=None, info=purpose.encode()).derive(key)
