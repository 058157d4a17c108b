# SPDX-License-Identifier: MIT
"""A WebSocket client that sends exactly the bytes that a test wants and accepts exactly what RFC 6455 allows a server
to answer. Blocking sockets; Failed tells what was wrong."""

import base64
import hashlib
import os
import select
import socket
import ssl
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Failed(Exception):
    """The other side did something else than it should have."""


def mask(data, key):
    if not data:
        return b""
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")


def length_form(size, form=None, masked=True):
    """The second byte of a header and the extended length; `form` chooses another than the shortest."""
    form = form or (size if size < 126 else 126 if size < 65536 else 127)
    extended = struct.pack(">H", size) if form == 126 else struct.pack(">Q", size) if form == 127 else b""
    return bytes([form | (0x80 if masked else 0)]) + extended


def frame(opcode, payload=b"", fin=True, rsv=0, form=None, key=None, masked=True):
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if not masked:
        return first + length_form(len(payload), form, False) + payload
    key = key or os.urandom(4)
    return first + length_form(len(payload), form) + key + mask(payload, key)


def fragments(opcode, payload, size):
    """One message in fragments of `size` bytes; all have one key, so that 65536 of them are made in a moment."""
    key = os.urandom(4)
    made = {}
    for start in range(0, len(payload), size):
        part = payload[start:start + size]
        last = start + size >= len(payload)
        if (part, last, start == 0) not in made:
            made[part, last, start == 0] = frame(opcode if start == 0 else CONTINUATION, part, fin=last, key=key)
        yield made[part, last, start == 0]


def http_request(host, fields=()):
    key = base64.b64encode(os.urandom(16))
    lines = [b"GET /websocket HTTP/1.1", b"Host: " + host.encode(), b"Upgrade: websocket", b"Connection: Upgrade",
             b"Sec-WebSocket-Key: " + key, b"Sec-WebSocket-Version: 13", *fields]
    return key, b"\r\n".join(lines) + b"\r\n\r\n"


class Peer:
    """One connection, upgraded. `early` goes out in the same write as the request."""

    def __init__(self, url, patience, early=b"", fields=()):
        scheme, _, rest = url.partition("://")
        where = rest.split("/")[0]
        host, _, port = where.rpartition(":")
        self.deadline = time.monotonic() + patience
        self.buffer = bytearray()
        self.ended = False
        self.socket = socket.create_connection((host, int(port)), patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "wss":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        try:
            self._upgrade(where, early, fields)
        except Failed:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _upgrade(self, host, early, fields):
        key, request = http_request(host, fields)
        self.send_raw(request + early)
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                raise Failed(f"no upgrade: {bytes(self.buffer)!r}")
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or b"Sec-WebSocket-Accept: " + accept not in head:
            raise Failed(f"no upgrade: {head!r}")
        self.head = head.decode()
        self.buffer = bytearray(rest)

    # ---- bytes

    def send_raw(self, data, chop=None):
        """`chop`: at most so many bytes a write; single ones with a pause, or a busy server would read them at once."""
        try:
            for start in range(0, len(data), chop or max(1, len(data))):
                self.socket.sendall(data[start:start + chop] if chop else data)
                if chop == 1:
                    time.sleep(0.001)
        except ConnectionError:
            pass # it may have ended the connection already; what it said is still to be read

    def send(self, opcode, payload=b"", chop=None, **how):
        self.send_raw(frame(opcode, payload, **how), chop)

    def _fill(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Failed("nothing more came in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 18)
        except TimeoutError:
            raise Failed("nothing more came in time") from None
        except ConnectionError as error:
            raise Failed(f"the connection was not ended in order: {error}") from None
        self.ended = not data
        self.buffer += data
        return bool(data)

    def is_silent(self, seconds):
        """Nothing has come within that time."""
        pending = self.socket.pending() if isinstance(self.socket, ssl.SSLSocket) else 0
        return not self.buffer and not pending and not select.select([self.socket], [], [], seconds)[0]

    def _take(self, size):
        while len(self.buffer) < size:
            if not self._fill():
                raise Failed(f"the stream ends after {bytes(self.buffer[:20])!r}")
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    # ---- frames

    def receive(self):
        """(opcode, payload) of the next frame, or None at the end of the stream."""
        if not self.buffer and not self.ended and not self._fill() or not self.buffer:
            return None
        first, second = self._take(2)
        size = second & 0x7f
        if first & 0x70 or second & 0x80 or not first & 0x80 or first & 0x0f not in (TEXT, BINARY, CLOSE, PING, PONG):
            raise Failed(f"the frame {first:02x} {second:02x} is masked, fragmented or reserved")
        if first & 0x08 and size > 125:
            raise Failed("a control frame is too long")
        if size >= 126:
            form = size
            size = struct.unpack(">H", self._take(2))[0] if form == 126 else struct.unpack(">Q", self._take(8))[0]
            if size < (126 if form == 126 else 65536):
                raise Failed("a length is not in its shortest form")
        return first & 0x0f, self._take(size)

    def expect(self, opcode, payload=b""):
        got = self.receive()
        if got != (opcode, payload):
            raise Failed(f"{brief(got)} instead of {brief((opcode, payload))}")

    def expect_end(self):
        """The server ends TCP first, and says nothing more."""
        got = self.receive()
        if got is not None:
            raise Failed(f"{brief(got)} after the close")

    def close(self, code=1000, reason=b""):
        """Says it, and the answer has the same code and no other frame before it."""
        self.send(CLOSE, struct.pack(">H", code) + reason)
        self.expect_closed(code)

    def expect_closed(self, code):
        """The server's half of a closing handshake that we began."""
        self.expect(CLOSE, struct.pack(">H", code) if code else b"")
        self.expect_end()

    def expect_failed(self, *codes):
        """The server ends the connection, with one of these codes."""
        self.check_failure(self.receive(), codes)

    def check_failure(self, got, codes):
        if got is None or got[0] != CLOSE:
            raise Failed(f"{brief(got)} instead of a close with {codes}")
        code = struct.unpack(">H", got[1][:2])[0] if got[1] else None
        if code not in codes:
            raise Failed(f"closed with {code} instead of {codes}")
        got[1][2:].decode() # a reason is UTF-8
        self.send(CLOSE, got[1][:2])
        self.expect_end()


def brief(got):
    if got is None:
        return "the end"
    names = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
    return f"{names[got[0]]} of {len(got[1])} bytes {got[1][:24]!r}"
