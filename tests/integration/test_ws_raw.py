"""WebSocket frames as strangers send them, and what comes back: RFC 6455, in the order of the cases of Autobahn's suite.

Each row is sent to the mirror's /ws, whole and byte by byte. It answers with what it was sent; "close N" is its close frame,
"close" one without a code, and behind it the connection ends. To a row that has no end of its own we add a close frame.
"""
import pathlib
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import PATIENCE  # noqa: E402
from mirror import Mirror  # noqa: E402
from websocket import BINARY, CLOSE, PING, PONG, TEXT, Refused, WebSocket, frame  # noqa: E402

PEER = pathlib.Path(__file__).resolve().parents[1] / "support" / "websocket_peer.py"
MORE = 0  # the opcode of a continuation
NAMES = {TEXT: "text", BINARY: "binary", PING: "ping", PONG: "pong"}
GREEK = "κόσμε-µ@ßöäüàá-𝄞".encode()


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def part(opcode, payload):
    return frame(opcode, payload, fin=False)


def said(opcode, payload):
    """An answer as the rows have it."""
    if opcode == CLOSE:
        return "close %d" % struct.unpack(">H", payload[:2]) if payload else "close"
    return f"{NAMES[opcode]} {payload!r}" if len(payload) < 200 else f"{NAMES[opcode]} of {len(payload)}"


def text(payload):
    return said(TEXT, payload)


ROWS = [
    # Framing
    ("an empty text", frame(TEXT), [text(b"")]),
    ("an empty binary", frame(BINARY), [said(BINARY, b"")]),
    *((f"{n} bytes of text", frame(TEXT, b"*" * n), [text(b"*" * n)]) for n in (1, 125, 126, 127, 128, 1000)),
    *((f"{n} bytes", frame(BINARY, b"\xfe" * n), [said(BINARY, b"\xfe" * n)]) for n in (1, 125, 126, 127, 128, 1000)),
    ("three messages at once", frame(TEXT, b"a") + frame(BINARY, b"\0") + frame(TEXT, b"c"),
     [text(b"a"), said(BINARY, b"\0"), text(b"c")]),
    ("a frame that is not masked", frame(TEXT, b"x", masked=False), ["close 1002"]),
    ("a length of two bytes that fits in one", b"\x81\xfe\x00\x05mask" + b"x" * 5, ["close 1002"]),
    ("a length of eight bytes that fits in two", b"\x81\xff" + struct.pack(">Q", 5) + b"mask" + b"x" * 5, ["close 1002"]),
    ("a length over the limit of 64 MiB", b"\x82\xff" + struct.pack(">Q", (64 << 20) + 1) + b"maskx", ["close 1009"]),
    ("a length of 2^63", b"\x82\xff" + struct.pack(">Q", 1 << 63) + b"mask", ["close 1002"]),
    ("a length of 2^62", b"\x82\xff" + struct.pack(">Q", 1 << 62) + b"maskx", ["close 1009"]),

    # Pings and pongs
    ("an empty ping", frame(PING), ["pong b''"]),
    ("a ping of text", frame(PING, b"Hello, world!"), [said(PONG, b"Hello, world!")]),
    ("a ping of bytes", frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), [said(PONG, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")]),
    ("a ping of 125 bytes", frame(PING, b"\xfe" * 125), [said(PONG, b"\xfe" * 125)]),
    ("a ping of 126 bytes", frame(PING, b"\xfe" * 126), ["close 1002"]),
    ("a pong nobody asked for", frame(PONG), []),
    ("a pong with words", frame(PONG, b"unsolicited"), []),
    ("a pong, then a ping", frame(PONG, b"x") + frame(PING, b"y"), ["pong b'y'"]),
    ("ten pings", b"".join(frame(PING, b"%d" % i) for i in range(10)), [said(PONG, b"%d" % i) for i in range(10)]),

    # Reserved bits
    *((f"reserved bits {rsv}", frame(TEXT, b"good") + frame(TEXT, b"x", rsv=rsv) + frame(PING), [text(b"good"), "close 1002"])
      for rsv in range(1, 8)),
    ("a reserved bit in a binary frame", frame(BINARY, b"x", rsv=4), ["close 1002"]),
    ("a reserved bit in a ping", frame(PING, b"x", rsv=2), ["close 1002"]),
    ("a reserved bit in a close frame", frame(CLOSE, rsv=1), ["close 1002"]),

    # Opcodes
    *((f"opcode {opcode}", frame(TEXT, b"good") + frame(opcode, b"x") + frame(PING), [text(b"good"), "close 1002"])
      for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),

    # Fragments
    ("text in two", part(TEXT, b"frag") + frame(MORE, b"ment"), [text(b"fragment")]),
    ("bytes in three", part(BINARY, b"\xff") + part(MORE, b"\0") + frame(MORE, b"\xff"), [said(BINARY, b"\xff\0\xff")]),
    ("empty fragments", part(TEXT, b"") + part(MORE, b"") + frame(MORE, b""), [text(b"")]),
    ("an empty fragment among others", part(TEXT, b"a") + part(MORE, b"") + frame(MORE, b"b"), [text(b"ab")]),
    ("a ping between fragments", part(TEXT, b"a") + frame(PING, b"p") + frame(MORE, b"b"), ["pong b'p'", text(b"ab")]),
    ("three pings between fragments",
     part(TEXT, b"1") + frame(PING, b"a") + part(MORE, b"2") + frame(PING, b"b") + part(MORE, b"3") + frame(PING, b"c") + frame(MORE, b"4"),
     ["pong b'a'", "pong b'b'", "pong b'c'", text(b"1234")]),
    ("a pong between fragments", part(TEXT, b"a") + frame(PONG) + frame(MORE, b"b"), [text(b"ab")]),
    ("a close frame between fragments", part(TEXT, b"a") + close(1000), ["close 1000"]),
    ("a ping in fragments", part(PING, b"a") + frame(MORE, b"b"), ["close 1002"]),
    ("a pong in fragments", part(PONG, b"a") + frame(MORE, b"b"), ["close 1002"]),
    ("a close frame in fragments", frame(CLOSE, struct.pack(">H", 1000), fin=False), ["close 1002"]),
    ("the end of nothing", frame(MORE, b"x"), ["close 1002"]),
    ("the middle of nothing", part(MORE, b"x") + frame(MORE, b"y"), ["close 1002"]),
    ("an end behind an end", part(TEXT, b"a") + frame(MORE, b"b") + frame(MORE, b"c"), [text(b"ab"), "close 1002"]),
    ("text before a text has ended", part(TEXT, b"a") + frame(TEXT, b"b"), ["close 1002"]),
    ("bytes before a text has ended", part(TEXT, b"a") + frame(BINARY, b"b"), ["close 1002"]),
    ("a hundred fragments", part(TEXT, b"x") + part(MORE, b"y") * 98 + frame(MORE, b"z"), [text(b"x" + b"y" * 98 + b"z")]),

    # UTF-8
    ("words of all kinds", frame(TEXT, GREEK), [text(GREEK)]),
    ("a character cut between fragments", part(TEXT, GREEK[:1]) + frame(MORE, GREEK[1:]), [text(GREEK)]),
    ("each byte a fragment", part(TEXT, b"") + b"".join(part(MORE, GREEK[i:i + 1]) for i in range(len(GREEK))) + frame(MORE),
     [text(GREEK)]),
    *((f"{name} are text", frame(TEXT, data), [text(data)]) for name, data in (
        ("NUL", b"\0"), ("the last of one byte", b"\x7f"), ("the first of two", b"\xc2\x80"), ("the first of three", b"\xe0\xa0\x80"),
        ("the last before surrogates", b"\xed\x9f\xbf"), ("the first behind them", b"\xee\x80\x80"), ("no character", b"\xef\xbf\xbf"),
        ("the first of four", b"\xf0\x90\x80\x80"), ("the last of all", b"\xf4\x8f\xbf\xbf"))),
    *((f"{name} are not text", frame(TEXT, data), ["close 1007"]) for name, data in (
        ("a lone continuation", b"\x80"), ("a first byte alone", b"\xc3"), ("half of three", b"\xe2\x82"), ("half of four", b"\xf0\x9d\x84"),
        ("a slash in two bytes", b"\xc0\xaf"), ("NUL in two bytes", b"\xc0\x80"), ("a slash in three", b"\xe0\x80\xaf"),
        ("a slash in four", b"\xf0\x80\x80\xaf"), ("the first surrogate", b"\xed\xa0\x80"), ("the last surrogate", b"\xed\xbf\xbf"),
        ("a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"), ("one over the last", b"\xf4\x90\x80\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"), ("six bytes", b"\xfc\x84\x80\x80\x80\x80"), ("fe", b"\xfe"), ("ff", b"\xff"),
        ("a word and a fault", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"))),
    ("a fault in an unfinished message", part(TEXT, GREEK + b"\xff"), ["close 1007"]),
    ("a fault at the start of an unfinished frame", frame(TEXT, b"\xff" + b"x" * 90)[:7], ["close 1007"]),
    ("a fault that two fragments make", part(TEXT, b"\xed") + part(MORE, b"\xa0"), ["close 1007"]),
    ("a message that ends within a character", part(TEXT, b"a") + frame(MORE, b"\xc3"), ["close 1007"]),
    ("bytes need not be text", frame(BINARY, b"\xff\xfe\xed\xa0\x80"), [said(BINARY, b"\xff\xfe\xed\xa0\x80")]),
    ("a ping need not be text", frame(PING, b"\xff"), [said(PONG, b"\xff")]),

    # Closing
    ("closing without a word", frame(CLOSE), ["close"]),
    ("closing with one byte", frame(CLOSE, b"\x03"), ["close 1002"]),
    ("closing with a reason", close(1000, b"Hello World!"), ["close 1000"]),
    ("a reason of 123 bytes", close(1000, b"*" * 123), ["close 1000"]),
    ("a reason of 124 bytes", close(1000, b"*" * 124), ["close 1002"]),
    ("a reason that is not UTF-8", close(1000, b"\xce\xba\xed\xa0\x80"), ["close 1007"]),
    *((f"code {code}", close(code), [f"close {code}"])
      for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)),
    *((f"code {code}, which is none", close(code), ["close 1002"])
      for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)),
    ("text behind closing", close(1000) + frame(TEXT, b"x"), ["close 1000"]),
    ("a ping behind closing", close(1000) + frame(PING), ["close 1000"]),
    ("closing twice", close(1000) + close(1001), ["close 1000"]),
    ("closing behind a message", frame(TEXT, b"x") + close(1000), [text(b"x"), "close 1000"]),
]
SIZES = [1 << 16, 1 << 18, 1 << 20, 1 << 22]


def answers(port, data, piece):
    """All frames that come until the connection ends."""
    with WebSocket(port, "/ws", timeout=10 * PATIENCE) as talk:
        try:
            for at in range(0, len(data), piece):
                talk.send(data[at:at + piece])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        return [said(*found) for found in iter(talk.frame, None)]


class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mirror = Mirror()
        cls.addClassCleanup(cls.mirror.close)

    def test_every_row_is_answered_as_the_table_says(self):
        self.assertGreater(len(ROWS), 60)
        for name, data, expected in ROWS:
            if not (expected and expected[-1].startswith("close")):
                data, expected = data + close(1000), [*expected, "close 1000"]
            for piece in (len(data), 1):
                with self.subTest(name, piece=piece):
                    self.assertEqual(answers(self.mirror, data, piece), expected)

    def test_large_messages_come_back_whole(self):
        for n in SIZES:
            for name, data in (("one frame", frame(TEXT, b"*" * n)),
                               ("frames of 4,096 bytes", part(TEXT, b"") + part(MORE, b"*" * 4096) * (n // 4096) + frame(MORE))):
                with self.subTest(name, n=n), WebSocket(self.mirror, "/ws", timeout=20 * PATIENCE) as talk:
                    talk.send(data)
                    self.assertEqual(talk.frame(), (TEXT, b"*" * n))
                    talk.send(frame(BINARY, b"\xfe" * n) + close(1000))
                    self.assertEqual(talk.frame(), (BINARY, b"\xfe" * n))
                    self.assertEqual(talk.frame(), (CLOSE, struct.pack(">H", 1000)))
                    self.assertTrue(talk.ended())

    def test_what_is_no_handshake_is_answered_in_http(self):
        for name, headers in (("another version", {"Sec-WebSocket-Version": "8"}), ("no version", {"Sec-WebSocket-Version": None}),
                              ("no key", {"Sec-WebSocket-Key": None}), ("a short key", {"Sec-WebSocket-Key": "AAAA"}),
                              ("a key that is no base64", {"Sec-WebSocket-Key": "!" * 24}),
                              ("no Connection: Upgrade", {"Connection": "keep-alive"})):
            with self.subTest(name), self.assertRaises(Refused) as found:
                WebSocket(self.mirror, "/ws", headers)
            self.assertEqual(found.exception.status, 400)
            self.assertIn(b"Sec-WebSocket-Version: 13\r\n", found.exception.head)

    def test_no_extension_and_no_subprotocol_is_agreed_to(self):
        with WebSocket(self.mirror, "/ws", {"Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "a, b",
                                            "uPGRADE": "WebSocket", "Upgrade": None, "Connection": "keep-alive, uPgRaDe"}) as talk:
            self.assertNotIn(b"extensions", talk.head.lower())
            self.assertNotIn(b"sec-websocket-protocol", talk.head.lower())

    def test_the_library_of_somebody_else_agrees(self):
        """Debian's python3-websockets, which is its own interpreter's."""
        if subprocess.run(["/usr/bin/python3", "-c", "import websockets"], capture_output=True, check=False).returncode:
            self.skipTest("python3-websockets is not installed")
        ran = subprocess.run(["/usr/bin/python3", PEER, f"ws://127.0.0.1:{self.mirror.port}/ws"], capture_output=True, text=True,
                             timeout=60 * PATIENCE, check=False)
        self.assertEqual((ran.returncode, ran.stdout), (0, "echoed 9, ponged 2, closed 3001\n"), ran.stderr)


if __name__ == "__main__":
    unittest.main()
