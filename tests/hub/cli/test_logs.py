"""Logs as a person and as a program reads them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from renkei.cli.logs import configure_logs
from renkei.config import LogFormat


class Terminal(io.StringIO):
    """A person looks."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, capturing = logging.getLogger(), logging._warnings_showwarning  # type: ignore[attr-defined]
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capturing is not None)


def said(form: LogFormat, stream: io.StringIO) -> str:
    configure_logs("info", stream, form)
    structlog.get_logger("renkei.test").info("delivery_dead", connection="cart", delivery="d1")
    return stream.getvalue()


@pytest.mark.parametrize(("stream", "coloured"), [(Terminal, True), (io.StringIO, False)])
def test_only_a_terminal_is_sent_colours(stream: type[io.StringIO], coloured: bool) -> None:
    assert ("\x1b[" in said("lines", stream())) == coloured


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("lines", io.StringIO, False),
    ],
)
def test_json_is_for_programs_unless_the_setting_says_otherwise(
    form: LogFormat, stream: type[io.StringIO], is_json: bool
) -> None:
    line = said(form, stream())
    assert line.startswith("{") == is_json
    if is_json:
        told = json.loads(line)
        assert (told["event"], told["delivery"], told["level"]) == ("delivery_dead", "d1", "info")


def test_a_line_says_which_module_speaks_and_is_one_line_whatever_stands_in_it() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    odd = {"half": "\ud83d", "huge": 2**70, "text": "一\n二"}
    structlog.get_logger("renkei.test").info("odd", **odd)
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["logger"], {name: told[name] for name in odd}) == ("renkei.test", odd)


def test_what_is_below_the_level_is_not_said_by_the_hub_nor_by_a_library() -> None:
    stream = io.StringIO()
    configure_logs("warning", stream)
    structlog.get_logger("renkei.test").info("heard by nobody")
    logging.getLogger("library").info("heard by nobody")
    assert stream.getvalue() == ""
    logging.getLogger("library").warning("heard")
    structlog.get_logger("renkei.test").warning("heard, too")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [(one["event"], one["logger"], one["level"]) for one in lines]
    assert told == [("heard", "library", "warning"), ("heard, too", "renkei.test", "warning")]


def test_a_bug_is_told_with_where_it_was() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    try:
        raise ValueError("of ours")
    except ValueError:
        structlog.get_logger("renkei.test").exception("decision_failed")
    told = json.loads(stream.getvalue())
    assert told["level"] == "error"
    assert told["exception"][0]["exc_type"] == "ValueError"
    assert told["exception"][0]["frames"][-1]["name"] == "test_a_bug_is_told_with_where_it_was"


class Full(io.StringIO):
    """A disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_line_that_cannot_be_written_stops_nobody() -> None:
    configure_logs("info", Full())
    structlog.get_logger("renkei.test").warning("lost")
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    configure_logs("info", pipe, "lines")
    structlog.get_logger("renkei.test").warning("一")
    structlog.get_logger("renkei.test").warning("heard")
    pipe.seek(0)
    assert "heard" in pipe.read()
