"""Japan's time, and Japanese text as people and scanners give it, made comparable."""

import unicodedata
from datetime import timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")


def fold(text: str) -> str:
    """NFKC and trimmed: full-width letters and digits become plain, half-width kana full."""
    return unicodedata.normalize("NFKC", text).strip()


def card_number(scanned: str) -> str:
    """A card number as scanned or typed: folded, without spaces, hyphens and NW-7 guards.

    Scanners may send the Codabar start and stop letters A–D and a closing CR or TAB
    (source: jp-retail-rules §1).
    """
    text = "".join(char for char in fold(scanned) if char not in " -\r\n\t")
    if len(text) > 2 and text[0] in "ABCDabcd" and text[-1] in "ABCDabcd":
        text = text[1:-1]
    return text.upper()
