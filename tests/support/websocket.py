"""A WebSocket client of bytes: every frame is written by hand, right or wrong.

    with WebSocket(door, f"/v1/jobs/{job}/events") as reader:
        reader.next()                # a text message as dict; None after the close frame (code, reason)
"""
import base64
import hashlib
import json
import os
import socket
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, masked=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit, n = (0x80 if masked else 0), len(payload)
    if n < 126:
        head += bytes([bit | n])
    else:
        head += bytes([bit | (126 if n < 1 << 16 else 127)]) + struct.pack(">H" if n < 1 << 16 else ">Q", n)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pad = (mask * (n // 4 + 1))[:n]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")


class Refused(Exception):
    """The answer was no 101: `status` and `head`."""

    def __init__(self, status, head):
        super().__init__(f"{status}: {head[:300]!r}")
        self.status, self.head = status, head


class WebSocket:
    def __init__(self, client, path, headers=None, timeout=30, early=b""):
        self.socket = socket.create_connection((client.host, client.port), timeout=timeout)
        self.key = base64.b64encode(os.urandom(16))
        fields = {"Host": f"{client.host}:{client.port}", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
                  "Sec-WebSocket-Key": self.key.decode(), "Sec-WebSocket-Version": "13", **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() + early)
        self.reader = self.socket.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            line = self.reader.readline()
            if not line:
                break
            self.head += line
        status = int(self.head.split()[1]) if self.head else 0
        if status != 101:
            self.close()
            raise Refused(status, self.head)
        accept = base64.b64encode(hashlib.sha1(self.key + GUID).digest())
        assert b"sec-websocket-accept: " + accept.lower() in self.head.lower(), self.head
        self.raw, self.pings, self.pongs, self.code, self.reason = [], 0, [], None, None

    def send(self, data):
        self.socket.sendall(data)

    def frame(self):
        """(opcode, payload) of the next frame, None at the end of the connection."""
        head = self.reader.read(2)
        if len(head) < 2:
            return None
        assert not head[1] & 0x80, "a server never masks"
        assert head[0] & 0xf0 == 0x80, "whole frames without extensions"
        n = head[1] & 0x7f
        if n == 126:
            n = struct.unpack(">H", self.reader.read(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.reader.read(8))[0]
        return head[0] & 15, self.reader.read(n)

    def next(self):
        while True:
            found = self.frame()
            if found is None:
                return None
            opcode, payload = found
            if opcode == CLOSE:
                self.code, self.reason = struct.unpack(">H", payload[:2])[0], payload[2:].decode()
                return None
            if opcode == PING:
                self.pings += 1
                self.send(frame(PONG, payload))
            elif opcode == PONG:
                self.pongs.append(payload)
            else:
                self.raw.append(payload.decode())
                return json.loads(payload)

    def rest(self):
        items = []
        while (item := self.next()) is not None:
            items.append(item)
        return items

    def ended(self):
        """Whether the connection is closed after the close frame."""
        return self.reader.read(1) == b""

    def close(self):
        self.socket.close()
        self.reader.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
