"""Who may ask the viewer's server for anything: the page it handed out, on this machine.

Every web page that is open in the same browser can send requests to 127.0.0.1. So each request has
to come under a name of this machine (else another site's name was made to point here), from the
page itself (by ``Origin``), and with the token that only the address printed in the terminal holds.
"""

import hmac
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names this machine has for itself. Any port: the page may be forwarded by SSH to another."""
METHODS = ("GET", "HEAD", "POST", "DELETE")
LONGEST_ADDRESS = 2048
"""Bytes of path and query."""
LARGEST_BODY = 4096
"""Bytes; a job is described in a hundred."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
"""Of every answer. The page loads nothing from elsewhere, and no other page may embed it."""


class RefusedError(Exception):
    """A request that is not served.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, reason: str) -> None:
        """``reason`` is one line for people."""
        super().__init__(reason)
        self.status = status


class Guard:
    """Lets through what the page asks, with the token taken off the path.

    Args:
        app: What answers.
        token: First part of every path.
    """

    def __init__(self, app: "ASGIApp", token: str) -> None:
        """See the class."""
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket: its handshake is refused
            await send({"type": "websocket.close", "code": 1008})
            return
        guarded = _with_headers(send)
        try:
            inner = self._admitted(scope)
            body = await _body(scope, receive)
        except RefusedError as refused:
            await refuse(guarded, refused.status, str(refused))
            return
        await self._app(inner, _replayed(body, receive), guarded)

    def _admitted(self, scope: "Scope") -> "Scope":
        """The request without its token.

        Raises:
            RefusedError: It is not served.
        """
        headers = _headers(scope)
        check_sender(headers)
        if scope["method"] not in METHODS:
            raise RefusedError(405, "no such method here")
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        if len(raw) + len(scope["query_string"]) > LONGEST_ADDRESS:
            raise RefusedError(414, f"an address has at most {LONGEST_ADDRESS} bytes")
        given, _, rest = scope["path"].removeprefix("/").partition("/")
        if not hmac.compare_digest(given.encode(), self._token):
            raise RefusedError(
                403, "open the address that `dmssn view` printed: it ends in a key of its own"
            )
        return {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode(), "root_path": ""}


def check_sender(headers: dict[str, list[str]]) -> None:
    """Refuse what does not come from the page, by the headers of a request.

    Args:
        headers: Values by lower-case name.

    Raises:
        RefusedError: It is not served.
    """
    hosts = headers.get("host", [])
    if len(hosts) != 1 or _without_port(hosts[0]) not in HOSTS:
        raise RefusedError(403, "the viewer answers only as 127.0.0.1 or localhost")
    for origin in headers.get("origin", []):
        if origin.lower() != f"http://{hosts[0].lower()}":
            raise RefusedError(403, "the viewer answers only to its own page")
    # A link to the page, as in a terminal that is itself a page, may be followed from anywhere.
    followed = headers.get("sec-fetch-mode") == ["navigate"]
    for site in headers.get("sec-fetch-site", []):
        if site not in ("same-origin", "none") and not followed:
            raise RefusedError(403, "the viewer answers only to its own page")


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() and port.isascii() else host.lower()


def _headers(scope: "Scope") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


async def _body(scope: "Scope", receive: "Receive") -> bytes:
    """All that was sent along; jobs are described in a few bytes.

    Raises:
        RefusedError: It is too long, and the rest is not read.
    """
    if scope["method"] in ("GET", "HEAD"):
        return b""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        more: bytes = message.get("body", b"")
        body += more
        if len(body) > LARGEST_BODY:
            raise RefusedError(413, f"a request has at most {LARGEST_BODY} bytes")
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes, receive: "Receive") -> "Receive":
    """A source of messages that gives the body, which was read, once more."""
    given = False

    async def replay() -> "Message":
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(send: "Send") -> "Send":
    more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sending


async def refuse(send: "Send", status: int, reason: str) -> None:
    """Answer with an error, one line as JSON."""
    body = json.dumps({"error": reason}).encode()
    headers: list[Any] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
