"""A recorded exchange without secrets and personal data, to be kept with tests or shown to others.

What stays is what a mapping is about: methods, paths, ids, amounts, states, times, and the shape.
What goes is found by the names of keys and headers, by the values known to be secret, and by what
looks like a mail address or a telephone number.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx

STARS = "***"

OPEN_HEADERS = frozenset(
    {"accept", "content-type", "content-length", "date", "retry-after", "link", "allow"}
)
"""Headers that are kept as they are; every other one may prove or name somebody."""

PERSONAL_KEY = re.compile(
    r"name|mail|phone|mobile|tel$|fax|address|zip|postal|postcode|city|street|birth|sex|gender|kana"
    r"|card|customer_?code|barcode|line_?id|note|memo|remark|comment|text|message",
    re.IGNORECASE,
)
SECRET_KEY = re.compile(
    r"token|secret|password|passwd|signature|hmac|authorization|session|cookie|api_?key|(^|_)code$",
    re.IGNORECASE,
)
MAIL = re.compile(r"[^\s\"'<>=&?/]+@[^\s\"'<>=&?/]+")
PHONE = re.compile(r"(?<![\d.:T-])(\+81[- ]?|0)\d{1,4}[- ]?\d{1,4}[- ]?\d{3,4}(?![\d.:-])")


def scrubbed(
    request: httpx.Request,
    response: httpx.Response | None,
    secrets: Iterable[str] = (),
    personal: Collection[str] = (),
) -> dict[str, Any]:
    """The exchange as JSON; ``secrets`` are values that must not remain wherever they are.

    ``personal`` are keys under which this vendor tells of a person, though their names do not say
    so: the ``personal_keys`` of its twin. Both bodies must have been read. A body that is neither
    JSON nor a form is told by its length.
    """
    scrub = _Scrub([secret for secret in secrets if secret], frozenset(personal))
    told: dict[str, Any] = {
        "request": {
            "method": request.method,
            "url": scrub.url(request.url),
            "headers": scrub.headers(request.headers),
            "body": scrub.body(request.headers, request.content),
        }
    }
    if response is not None:
        told["response"] = {
            "status": response.status_code,
            "headers": scrub.headers(response.headers),
            "body": scrub.body(response.headers, response.content),
        }
    return told


class _Scrub:
    def __init__(self, secrets: Collection[str], personal: frozenset[str]) -> None:
        self._personal = personal
        forms = {form for one in secrets for form in (one, quote(one, safe=""))}
        # The longest first: one secret may begin as another does.
        self._secrets = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return PHONE.sub(STARS, MAIL.sub(STARS, text))

    def url(self, url: httpx.URL) -> str:
        asked = [(key, self._under(key, value)) for key, value in url.params.multi_items()]
        query = urlencode(asked, safe="*")
        path = self.text(url.path)
        return f"{url.scheme}://{url.netloc.decode()}{path}{'?' if query else ''}{query}"

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            key: self.text(value) if key.lower() in OPEN_HEADERS else STARS
            for key, value in headers.items()
        }

    def body(self, headers: Mapping[str, str], body: bytes) -> Any:
        if not body:
            return None
        try:
            return self.value(json.loads(body))
        except (ValueError, RecursionError):
            form = "x-www-form-urlencoded" in headers.get("content-type", "")
        if not form:
            return f"{len(body)} bytes"
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return {key: self._under(key, value) for key, value in pairs}

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(key): self._under(key, one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _under(self, key: str, value: Any) -> Any:
        """A value under its key; an object is looked into, since its own keys say more."""
        if isinstance(value, dict):
            return self.value(value)
        if isinstance(value, list):
            return [self._under(key, one) for one in value]
        named = SECRET_KEY.search(key) or PERSONAL_KEY.search(key)
        hidden = named or key in self._personal
        if hidden and isinstance(value, str | int | float) and not isinstance(value, bool):
            return STARS
        return self.text(value) if isinstance(value, str) else value
