"""The register's own format: comma-separated records in Shift_JIS, both ways."""

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.reference.till import records

PROBLEM = {"code": "busy", "message": '混み合っています、"もう一度"\n', "action": "retry"}


def test_what_is_written_is_read() -> None:
    body = records.write([("PROBLEM", {**PROBLEM, "retryable": True})])
    assert records.read(body) == [("PROBLEM", {**PROBLEM, "retryable": True})]


def test_it_is_shift_jis() -> None:
    body = records.write([("WHO", {"scheme": "card", "value": "羊羹"})])
    assert body == "WHO,card,羊羹\r\n".encode("shift_jis")


def test_what_says_nothing_is_left_out_and_nought_is_something() -> None:
    body = records.write([("QUOTE", {"member": None, "points_wanted": 0})])
    assert body == b"QUOTE,,0\r\n"
    assert records.read(body) == [("QUOTE", {"points_wanted": 0})]


def test_a_wave_dash_is_the_one_that_windows_knows() -> None:
    body = records.write([("USE", {"code": "10\u301c20"})])
    assert records.read(body) == [("USE", {"code": "10\uff5e20"})]


def test_a_character_that_shift_jis_lacks_is_shown_as_a_geta() -> None:
    body = records.write([("USE", {"code": "𠮷野"})])
    assert records.read(body) == [("USE", {"code": "〓野"})]


@pytest.mark.parametrize(
    "body",
    [
        b"NOBODY,1\r\n",
        b"QUOTE,mem_1\r\n",
        b"QUOTE,mem_1,3,4\r\n",
        b"QUOTE,mem_1,three\r\n",
        b"QUOTE,mem_1,-3\r\n",
        "QUOTE,mem_1,３\r\n".encode("cp932"),
        b"QUOTE,mem_1,9999999999999\r\n",
        b"PROBLEM,a,b,2,c\r\n",
        b'USE,"open\r\n',
        b"\x81",
    ],
)
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadInvalid):
        records.read(body)


def test_an_error_repeats_nothing_of_what_was_sent() -> None:
    with pytest.raises(PayloadInvalid) as refusal:
        records.read("USE,山田花子,\x81\r\n".encode("latin-1", "replace") + b"\x81")
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None
