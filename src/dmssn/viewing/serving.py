"""The viewer's server on this machine alone: started, announced, and ended by Ctrl-C."""

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from dmssn.viewing.app import create_app
from dmssn.viewing.viewer import Viewer

HOST = "127.0.0.1"
"""Nobody on another machine can reach it."""
CLOSING_SECONDS = 3
"""Requests that are being answered when the server ends have so long."""


def serve(viewer: Viewer, announce: Callable[[str], None], *, port: int, browser: bool) -> None:
    """Serve until Ctrl-C.

    Args:
        viewer: What is served.
        announce: Given the page's address, which holds its key, once it answers.
        port: 0 for any that is free.
        browser: Whether to open the address in the browser.

    Raises:
        OSError: The port is taken.
    """
    token = secrets.token_urlsafe(24)
    with listening(port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}/{token}/"
        config = uvicorn.Config(
            create_app(viewer, token),
            log_level="warning",
            access_log=False,  # addresses hold the key
            server_header=False,
            date_header=False,
            ws="none",
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )
        server = _Announcing(config, lambda: _open(address, announce, browser))
        with suppress(KeyboardInterrupt):  # the way to end it
            server.run(sockets=[listener])


class _Announcing(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, then: Callable[[], None]) -> None:
        super().__init__(config)
        self._then = then

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._then()


def listening(port: int) -> socket.socket:
    """A socket that listens on this machine alone.

    Raises:
        OSError: The port is taken.
    """
    # By its protocol asyncio knows a connection on which it is not to wait for more to send: else
    # the body of an answer comes 40 ms after its head.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()  # now, so that no other program takes the port
    except OSError as error:
        listener.close()
        raise OSError(
            f"port {port} of {HOST} cannot be had ({error.strerror}); choose another --port, or "
            "leave it out for any that is free"
        ) from None
    return listener


def _open(address: str, announce: Callable[[str], None], browser: bool) -> None:
    announce(address)
    if browser:  # beside, for some browsers return only when they are closed
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
