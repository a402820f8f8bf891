"""The hub's signature under what others must be able to check: Ed25519, as JSON Web Tokens."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import ValidationError

from renkei.storage.sealed import KeyRing
from renkei_contracts.base import Canonical
from renkei_contracts.errors import SignatureInvalid

ALGORITHM = "Ed25519"

C = TypeVar("C", bound=Canonical)


@dataclass(frozen=True)
class Signer:
    """Signs and reads tokens with the key that the installation's secret gives."""

    ring: KeyRing

    def sign(self, kind: str, claims: Canonical) -> str:
        """The claims as a token of this type."""
        header = {"alg": ALGORITHM, "typ": kind, "kid": self._key.thumbprint()}
        said = claims.model_dump(mode="json")
        return jwt.encode(header, said, self._key, algorithms=[ALGORITHM])

    def read(self, kind: str, token: str, claims: type[C]) -> C:
        """What a token of this type says; raises SignatureInvalid. Its time is not looked at."""
        try:
            read = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):  # a header may hold anything
            raise SignatureInvalid(f"the {kind} was not signed by this hub") from None
        if read.header.get("typ") != kind:
            raise SignatureInvalid(f"the token is no {kind}")
        try:
            return claims.model_validate(read.claims)
        except ValidationError:
            raise SignatureInvalid(f"the {kind} does not say what one says") from None

    def public_keys(self) -> dict[str, Any]:
        """The JWK set by which anybody can check what was signed."""
        public = self._key.as_dict(private=False)
        return {"keys": [public | {"kid": self._key.thumbprint(), "use": "sig", "alg": ALGORITHM}]}

    @cached_property
    def _key(self) -> OKPKey:
        return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(self.ring.signing_seed()))


def seconds(at: datetime) -> int:
    """An instant as a token says it."""
    return int(at.timestamp())
