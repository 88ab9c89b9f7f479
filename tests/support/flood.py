"""Floods: what comes from the net while others want to be served.

    with FLOODS["slow heads"](address, n) as flood:      # n connections at a time; runs until the end of the block
        …
    flood.seen                                           # what became of them: statuses, "hung up"

Used by tests/integration/test_flood.py, with few connections, and by tools/bench flood, with many.
"""
import base64
import collections
import random
import socket
import struct
import threading

PAUSE_S = 0.1  # between two bytes of the slow ones
PROBE = "/v1/jobs/probe"
NO_JOB = "0" * 26


def mask(opcode, payload=b""):
    """A WebSocket frame of up to 125 bytes, masked with zeros."""
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


class Flood(threading.Thread):
    """One kind of nuisance; subclasses say what a connection begins with and what each round does with it."""

    opening = b""
    pause_s = PAUSE_S

    def __init__(self, address, n, job=NO_JOB, seed=1):
        super().__init__(daemon=True)
        self.address, self.n, self.job = address, n, job
        self.random = random.Random(seed)
        self.connections, self.seen, self.fault = [], collections.Counter(), None
        self.stop, self.begun = threading.Event(), threading.Event()

    def connect(self):
        connection = socket.create_connection(self.address, timeout=30)
        connection.sendall(self.opening.replace(b"JOB", self.job.encode()))
        connection.setblocking(False)
        return connection

    def gone(self, connection):
        """Reads what is there and counts the answers; whether the other side has hung up."""
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data.startswith(b"HTTP/1.1 "):
            self.seen[int(data[9:12])] += 1
        if not data:
            self.seen["hung up"] += 1
        return not data

    def drip(self, connection):
        """What each round sends; OSError when it cannot."""

    def drop(self, connection):
        try:
            self.drip(connection)
        except BlockingIOError:
            pass
        except OSError:
            self.seen["hung up"] += 1
            return True
        return self.gone(connection)

    def round(self):
        while len(self.connections) < self.n and not self.stop.is_set():
            self.connections.append(self.connect())
        for connection in self.connections[:]:
            if self.drop(connection):
                connection.close()
                self.connections.remove(connection)
        self.begun.set()
        self.stop.wait(self.pause_s)

    def run(self):
        try:
            while not self.stop.is_set():
                self.round()
        except Exception as fault:  # told where the block ends
            self.fault = fault
        self.begun.set()

    def __enter__(self):
        self.start()
        self.begun.wait()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()
        for connection in self.connections:
            connection.close()
        if self.fault:
            raise self.fault


class Idle(Flood):
    """Connections that say nothing."""


class SlowHeads(Flood):
    """A head that never ends, a byte at a time."""

    opening = b"GET /health HTTP/1.1\r\nHost: a\r\nX: "

    def drip(self, connection):
        connection.send(b"x")


class SlowBodies(Flood):
    """A body that never ends, a byte at a time."""

    opening = f"POST {PROBE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n".encode()

    def drip(self, connection):
        connection.send(b" ")


class TinyChunks(SlowBodies):
    """A body in chunks of one byte with long extensions."""

    opening = f"POST {PROBE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    pause_s = 0

    def drip(self, connection):
        connection.send((b"1;" + b"x" * 500 + b"\r\n \r\n") * 8)


class WebSockets(Flood):
    opening = (b"GET /v1/jobs/JOB/events HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef") + b"\r\n\r\n")
    pause_s = 0

    def connect(self):
        """Behind the handshake: nothing may be sent before it is answered."""
        connection = super().connect()
        connection.settimeout(30)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 101 "), head
        self.seen[101] += 1
        connection.setblocking(False)
        return connection


class TinyFrames(WebSockets):
    """Frames of one byte, and each byte of them is sent alone."""

    data = mask(9, b"x") + mask(1, b"y")

    def drip(self, connection):
        for at in range(len(self.data)):
            connection.send(self.data[at:at + 1])


class Pings(WebSockets):
    """Pings as fast as they are taken, and nobody reads what they are answered with."""

    data = mask(9, b"x" * 125) * 500

    def drip(self, connection):
        while True:
            connection.send(self.data)

    def gone(self, connection):
        return False


class HangUps(Flood):
    """Streams that are asked for, and reset at once."""

    opening = b"GET /v1/jobs/JOB/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"

    def round(self):
        for _ in range(self.n):
            connection = self.connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            self.seen["hung up"] += 1
        self.begun.set()


class RandomBytes(Flood):
    """Requests with bytes changed, lost, doubled or made up; one connection each."""

    seeds = (SlowBodies.opening.replace(b"200000", b"2") + b"{}", b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
             TinyChunks.opening + b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n", WebSockets.opening + mask(1, b"hello") + mask(8), HangUps.opening,
             b"OPTIONS * HTTP/1.0\r\n\r\n", b"")

    def blob(self):
        data = bytearray(self.random.choice(self.seeds) * self.random.choice((1, 1, 2)))
        for _ in range(self.random.randrange(8)):
            at, n = self.random.randrange(len(data) + 1), self.random.randrange(1, 20)
            piece = self.random.choice((b"", self.random.randbytes(n), data[at:at + n] * 2, b"\r\n", b"\0", b" ", b":"))
            data[at:at + self.random.choice((0, 1, n))] = piece
        return bytes(data) or self.random.randbytes(self.random.randrange(1, 200))

    def round(self):
        connection = socket.create_connection(self.address, timeout=30)
        try:
            connection.sendall(self.blob())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer = answer or piece
            self.seen[int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else "hung up"] += 1
        except OSError:
            self.seen["hung up"] += 1
        connection.close()
        self.begun.set()


FLOODS = {"idle connections": Idle, "slow heads": SlowHeads, "slow bodies": SlowBodies, "tiny chunks": TinyChunks,
          "tiny frames": TinyFrames, "pings": Pings, "hang-ups": HangUps, "random bytes": RandomBytes}
