# SPDX-License-Identifier: MIT
"""A WebSocket client that says exactly what a test makes it say, in HTTP as well: for what lies between a client and
the server. Blocking, with a deadline on everything."""

import base64
import os
import socket
import struct

from paddock_client import HELLO, WELCOME, pack, unpack

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Answer:
    """What came back on a request; with status 101 the connection stays open and is a WebSocket."""

    def __init__(self, link, request):
        self.link = link
        self.buffer = b""
        self.status, self.headers, self.body = 0, {}, b""
        link.sendall(request)
        self._read_head()
        if self.status != 101:
            with link:
                self.body = self._take(int(self.headers.get("content-length", "0")))

    def _more(self):
        data = self.link.recv(65536)
        if not data:
            raise EOFError("closed")
        self.buffer += data

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}

    def send(self, opcode, payload):
        mask = os.urandom(4)
        length = bytes([128 + len(payload)]) if len(payload) < 126 else struct.pack(">BH", 254, len(payload))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.link.sendall(bytes([128 + opcode]) + length + mask + masked)

    def receive_any(self):
        """(opcode, payload) of the next frame; a ping is answered."""
        first, length = self._take(2)
        if length > 125:
            length, = struct.unpack(">H" if length == 126 else ">Q", self._take(2 if length == 126 else 8))
        payload = self._take(length)
        if first & 15 == PING:
            self.send(PONG, payload)
        return first & 15, payload

    def receive(self):
        """The next frame that is no ping."""
        while True:
            opcode, payload = self.receive_any()
            if opcode != PING:
                return opcode, payload

    def echo(self, text):
        self.send(TEXT, text.encode())
        return self.receive()[1].decode()

    def join(self, token, session=""):
        """Until the server welcomes this player."""
        self.send(BINARY, pack([HELLO, 1, token.encode(), session, "websocket.py"]))
        while True:
            opcode, payload = self.receive()
            if opcode == BINARY and unpack(payload)[0] == WELCOME:
                return

    def wait_closed(self):
        """The close code, or None when the connection was only cut."""
        try:
            while True:
                opcode, payload = self.receive()
                if opcode == CLOSE:
                    return struct.unpack(">H", payload[:2])[0]
        except (EOFError, ConnectionError):
            return None

    @property
    def source(self):
        """Address and port of this end, as the server writes them."""
        host, port = self.link.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ask(address, host, path, *headers, tls=None, upgrade=True, source=None, timeout=30):
    """One request to (address, port); `headers` are whole lines. `tls` is an SSL context, None for plain HTTP."""
    link = socket.create_connection(address, timeout, (source, 0) if source else None)
    try:
        link = tls.wrap_socket(link, server_hostname=host) if tls else link
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers]
        if upgrade:
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                      "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        return Answer(link, "\r\n".join(lines + ["", ""]).encode("latin-1"))
    except BaseException:
        link.close()
        raise


def basic(name, password):
    """The header line of HTTP's basic authentication."""
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
