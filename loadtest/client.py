"""What a client talks with: REST calls and a WebSocket, each call and connection a Locust statistic.

REST is geventhttpclient without the conveniences that Locust's FastHttpUser puts around it, 40 % less CPU for a call;
the WebSocket is websocket-client on gevent's sockets. What is not needed of an answer is not parsed.
"""

import functools
import re
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import gevent
import gevent.event
import gevent.socket
import gevent.ssl
import msgspec
import websocket
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError

API = "/api/v4"
CONNECTIONS = 3
"""A client keeps up to so many open, as browsers do."""

Report = Callable[..., Any]
"""Locust's `environment.events.request.fire`."""


def note(report: Report, kind: str, name: str, milliseconds: float | None, failed: Exception | None = None) -> None:
    """Report something other than a call: it took so long, if it is of that sort, or went wrong."""
    report(request_type=kind, name=name, response_time=milliseconds, response_length=0, exception=failed, context={})


class CallFailed(Exception):
    """A call got no answer that a client can use; what the user was about to do ends there."""


class ServerFailed(CallFailed):
    """The server answered 5xx, or 429 since it is overloaded."""


class Refused(CallFailed):
    """The server refused the request: it and this program disagree, or somebody else was faster."""


class TimedOut(CallFailed):
    """No answer in time."""


class Disconnected(CallFailed):
    """The connection was refused or went down."""


@functools.cache
def label(template: str) -> str:
    """`/channels/{}/posts?since={}` without the values of its query: calls are counted by it."""
    return re.sub("=[^&]*", "", template)


class Failure(msgspec.Struct):
    """Body of an error."""

    id: str = ""
    status_code: int = 0


class Rest:
    """Calls of one client, as one user once it has a token."""

    def __init__(self, url: str, report: Report | None, timeout: float = 30.0) -> None:
        """`url` is the server's; without `report` nothing is counted; a call may take `timeout` seconds."""
        parts = urlsplit(url)
        self._prefix = parts.path.rstrip("/") + API
        self._report = report
        self._headers: dict[str, str] = {}
        self._client = HTTPClient(
            parts.hostname or "",
            parts.port,
            headers={"Accept-Encoding": "identity"},
            ssl=parts.scheme == "https",
            insecure=True,
            concurrency=CONNECTIONS,
            connection_timeout=timeout,
            network_timeout=timeout,
            block_size=65536,
        )

    def use(self, token: str) -> None:
        """Call as the owner of the token from now on."""
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def login(self, login_id: str, password: str) -> tuple[str, bytes]:
        """Sign in; the new token, and the user as JSON."""
        self.use("")
        credentials = msgspec.json.encode({"login_id": login_id, "password": password})
        data, token = self._call("POST", "/users/login", (), credentials)
        self.use(token)
        return token, data

    def call(self, method: str, template: str, *values: object, body: object = None) -> bytes:
        """The answer to a request whose path is the template filled with the values. CallFailed when it is not 2xx."""
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self._call(method, template, values, raw)[0]

    def get(self, template: str, *values: object) -> bytes:
        """GET."""
        return self.call("GET", template, *values)

    def post(self, template: str, *values: object, body: object = None) -> bytes:
        """POST."""
        return self.call("POST", template, *values, body=body)

    def put(self, template: str, *values: object, body: object = None) -> bytes:
        """PUT."""
        return self.call("PUT", template, *values, body=body)

    def delete(self, template: str, *values: object) -> bytes:
        """DELETE."""
        return self.call("DELETE", template, *values)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, method: str, template: str, values: tuple[object, ...], body: bytes) -> tuple[bytes, str]:
        path = self._prefix + (template.format(*values) if values else template)
        failed: CallFailed | None = None
        data, token = b"", ""
        started = time.perf_counter()
        try:
            reply = self._client.request(method, path, body, self._headers)
            data = bytes(reply.read())
            if reply.status_code >= 400:
                failed = refusal(reply.status_code, data)
            elif template == "/users/login":
                token = str(reply.get("Token", ""))
        except TimeoutError:
            failed = TimedOut("no answer in time")
        except (OSError, HTTPConnectionClosed, HTTPParseError) as error:
            failed = Disconnected(type(error).__name__)
        if self._report is not None:
            self._report(
                request_type=method,
                name=label(template),
                response_time=(time.perf_counter() - started) * 1000,
                response_length=len(data),
                exception=failed,
                context={},
            )
        if failed is not None:
            raise failed
        return data, token


def refusal(status: int, data: bytes) -> CallFailed:
    """What an answer of 400 and above means."""
    try:
        reason = msgspec.json.decode(data, type=Failure).id
    except msgspec.MsgspecError:
        reason = ""
    text = f"{status} {reason}".strip()
    return ServerFailed(text) if status >= 500 or status == 429 else Refused(text)


class Wire:
    """A TCP or TLS socket that reads ahead, since the WebSocket library asks for a few bytes at a time."""

    def __init__(self, host: str, port: int, timeout: float, tls: bool) -> None:
        raw = gevent.socket.create_connection((host, port), timeout)
        raw.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if tls:
            context = gevent.ssl.SSLContext(gevent.ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = gevent.ssl.CERT_NONE
            raw = context.wrap_socket(raw, server_hostname=host)
        self._raw = raw
        self._ahead = b""
        self._closed = False
        self.send = raw.send
        self.gettimeout = raw.gettimeout
        self.settimeout = raw.settimeout
        self.shutdown = raw.shutdown
        self.fileno = raw.fileno

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; nothing when the other side is done."""
        ahead = self._ahead or self._raw.recv(65536)
        self._ahead = ahead[size:]
        return bytes(ahead[:size])

    def close(self) -> None:
        """Close it, once or several times."""
        self._closed = True
        self._raw.close()


class Broadcast(msgspec.Struct):
    """Whom an event goes to."""

    channel_id: str = ""


class Frame(msgspec.Struct):
    """What every text frame has, the payload unread: an event, or the reply to a request."""

    event: str = ""
    seq: int = -1
    seq_reply: int = 0
    data: msgspec.Raw = msgspec.Raw(b"")
    broadcast: Broadcast | None = None


class Hello(msgspec.Struct):
    """Payload of the first event of a connection."""

    connection_id: str = ""


_FRAMES = msgspec.json.Decoder(Frame)
_HELLO = msgspec.json.Decoder(Hello)


class Listener(Protocol):
    """Who owns a socket: told of what happens on it, from the socket's own greenlet, so it must not wait."""

    def on_hello(self) -> None:
        """A connection begins that misses whatever came before."""

    def on_event(self, frame: Frame, data: bytes) -> None:
        """An event other than hello."""

    def on_gap(self, expected: int, got: int) -> None:
        """Events are missing before this one."""

    def on_closed(self) -> None:
        """The server, or the network, closed it."""


class Socket:
    """A WebSocket that goes on where it left off when it is opened again."""

    def __init__(self, url: str, token: str, listener: Listener, report: Report, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self._url = f"{'wss' if self._tls else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}{API}/websocket"
        self._header = [f"Authorization: Bearer {token}"]
        self._listener = listener
        self._report = report
        self._timeout = timeout
        self._ws: websocket.WebSocket | None = None
        self._reader: gevent.Greenlet[[websocket.WebSocket], None] | None = None
        self._asked = 0
        self._answered = gevent.event.Event()
        self.connection_id = ""
        self.expected = 0
        self._anew = False

    @property
    def up(self) -> bool:
        """Is it open?"""
        return self._ws is not None

    def open(self) -> bool:
        """Connect, or reconnect where the last connection left off: was it resumed? CallFailed when it can't be."""
        again = bool(self.connection_id)
        query = f"&connection_id={self.connection_id}&sequence_number={self.expected}" if again else ""
        started = time.perf_counter()
        failed: CallFailed | None = None
        self._answered.clear()
        self._anew = False
        try:
            self._connect(f"{self._url}?posted_ack=true{query}")
            if again:  # a connection that is resumed gets no hello, so it asks for something that is answered
                self.request("ping", {})
            if not self._answered.wait(self._timeout):
                failed = TimedOut("neither hello nor an answer in time")
        except websocket.WebSocketBadStatusException as error:
            failed = refusal(error.status_code, b"")
        except TimeoutError:
            failed = TimedOut("no connection in time")
        except (OSError, websocket.WebSocketException, CallFailed) as error:
            failed = Disconnected(type(error).__name__)
        resumed = again and not self._anew
        name = "resume" if resumed else "reconnect anew" if again else "connect"
        note(self._report, "WS", name, (time.perf_counter() - started) * 1000, failed)
        if failed is not None:
            self.drop()
            raise failed
        return resumed

    def request(self, action: str, data: dict[str, object]) -> None:
        """Send a request; nobody waits for the answer. Disconnected when it is not open."""
        ws = self._ws
        if ws is None:
            raise Disconnected("the socket is closed")
        self._asked += 1
        try:
            ws.send(msgspec.json.encode({"seq": self._asked, "action": action, "data": data}))
        except (OSError, websocket.WebSocketException) as error:
            raise Disconnected(type(error).__name__) from error

    def drop(self) -> None:
        """Cut the connection without a goodbye, as a network does."""
        ws, self._ws = self._ws, None
        reader, self._reader = self._reader, None
        if reader is not None and reader is not gevent.getcurrent():
            reader.kill()
        if ws is not None:
            ws.shutdown()

    def _connect(self, url: str) -> None:
        wire = Wire(self._host, self._port, self._timeout, self._tls)
        ws = websocket.WebSocket(skip_utf8_validation=True)
        try:
            ws.connect(url, socket=wire, header=self._header, suppress_origin=True, timeout=self._timeout)
            wire.settimeout(None)
        except BaseException:
            wire.close()
            raise
        self._ws = ws
        self._reader = gevent.spawn(self._read, ws)

    def _read(self, ws: websocket.WebSocket) -> None:
        try:
            while True:
                opcode, data = ws.recv_data()
                if opcode == websocket.ABNF.OPCODE_TEXT:
                    self._take(data)
                elif opcode == websocket.ABNF.OPCODE_CLOSE:
                    break
        except (OSError, websocket.WebSocketException):
            pass
        if self._ws is ws:
            self._ws = self._reader = None
            ws.shutdown()
            note(self._report, "WS", "closed by the server", None)
            self._listener.on_closed()

    def _take(self, data: bytes) -> None:
        frame = _FRAMES.decode(data)
        if not frame.event:
            if frame.seq_reply:
                self._answered.set()
            return
        if frame.event == "hello":
            self.connection_id = _HELLO.decode(frame.data).connection_id
            self.expected = frame.seq + 1
            self._anew = True
            self._answered.set()
            self._listener.on_hello()
            return
        if frame.seq != self.expected:
            self._listener.on_gap(self.expected, frame.seq)
        self.expected = frame.seq + 1
        self._listener.on_event(frame, data)
