"""Taking the port before anything else, so that a taken one costs nothing and is said plainly."""

import errno
import socket

from renkei.errors import ConfigInvalid

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigInvalid with what to do."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:  # the latter of what can be no name of a machine
        raise ConfigInvalid(_reason(error, host, port)) from error


def url_of(listener: socket.socket) -> str:
    """The address to open on this machine."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _reason(error: OSError | UnicodeError, host: str, port: int) -> str:
    if isinstance(error, UnicodeError):
        return f"{host} is no address: choose one of this machine with --host or RENKEI_HOST"
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken: stop what listens there, or choose another "
            "with --port or RENKEI_PORT"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is for the system: choose one above 1023 with --port or RENKEI_PORT"
    return (
        f"cannot listen on {host} ({error.strerror}): "
        "choose an address of this machine with --host or RENKEI_HOST"
    )
