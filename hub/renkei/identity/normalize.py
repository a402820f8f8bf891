"""Identities made comparable, so that one person's key is the same through every channel. Pure."""

import phonenumbers

from renkei_contracts.member import Identity, IdentityKind
from renkei_contracts.toolkit.japanese import card_number, fold

DUMMY_DOMAINS = frozenset({"dummy.dummy", "example.invalid", "dummy.invalid"})
"""Domains that carts put in the place of an address; they name nobody."""

REGION = "JP"


def normalized(identity: Identity) -> Identity | None:
    """The identity in its comparable form; None when it names nobody."""
    value = _FORMS.get(identity.kind, str)(identity.value)
    if not value:
        return None
    if value == identity.value:
        return identity
    return identity.model_copy(update={"value": value})


def _email(text: str) -> str:
    """Lower case, the domain in ASCII. Old mobile addresses break the rules and are kept."""
    local, at, domain = fold(text).lower().rpartition("@")
    if not at or not local or " " in local or domain in DUMMY_DOMAINS:
        return ""
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return ""


def _phone(text: str) -> str:
    """E.164, read as a Japanese number unless it says otherwise."""
    try:
        number = phonenumbers.parse(fold(text), REGION)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_FORMS = {
    IdentityKind.EMAIL: _email,
    IdentityKind.PHONE: _phone,
    IdentityKind.CARD: card_number,
}
