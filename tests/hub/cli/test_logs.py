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
    structlog.reset_defaults()


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
