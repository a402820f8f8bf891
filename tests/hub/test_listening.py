"""Taking a port."""

import socket

import pytest

from renkei.errors import ConfigInvalid
from renkei.listening import listen, url_of


def test_a_free_port_is_found() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_taken_port_is_said_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigInvalid, match=rf"port {port} on 127.0.0.1 is taken.*--port"):
            listen("127.0.0.1", port)


def test_a_port_that_was_just_in_use_can_be_taken_again() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            first.accept()[0].close()
    with listen("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


def test_an_address_of_another_machine_is_said_with_what_to_do() -> None:
    with pytest.raises(ConfigInvalid, match=r"cannot listen on 192\.0\.2\.1.*--host"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize("host", ["a..b", "a" * 300])
def test_what_can_be_no_address_is_said_with_what_to_do(host: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"is no address.*--host"):
        listen(host, 0)


def test_every_address_is_shown_as_one_to_open() -> None:
    with listen("0.0.0.0", 0) as listener:  # noqa: S104 - and closes it at once
        assert url_of(listener).startswith("http://127.0.0.1:")
