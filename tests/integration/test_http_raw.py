"""Bytes as strangers send them, and what comes of them: framing by RFC 9112, strict.

Each row of ROWS is sent whole and byte by byte to the mirror, which is the door's own HTTP layer, to a door, and through
nginx with the snippets that we ship. The outcome is the statuses in order, then what became of the connection: "close",
"open" (the next request on it is understood as itself: nothing was smuggled), or "more" (the rest of the request is awaited).
"ok" is an answer of a handler.
"""
import base64
import json
import pathlib
import shutil
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import PATIENCE, Fleet  # noqa: E402
from mirror import Mirror  # noqa: E402
from nginx import MISSING, Nginx  # noqa: E402
from websocket import TEXT, frame  # noqa: E402

HOST = b"Host: a\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST
POST = b"POST /v1/jobs/probe HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"2\r\n{}\r\n0\r\n\r\n"  # as chunks
AFTER = b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n"

# name, bytes, outcome
ROWS = [
    ("a GET", GET + b"\r\n", "ok open"),
    ("two pipelined", GET + b"\r\n" + GET + b"\r\n", "ok ok open"),
    ("a body of a length", POST + b"Content-Length: 2\r\n\r\n{}", "ok open"),
    ("a body, then another request at once", POST + b"Content-Length: 2\r\n\r\n{}" + GET + b"\r\n", "ok ok open"),
    ("chunks", CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "ok open"),
    ("chunks, then another request at once", CHUNKED + BODY + GET + b"\r\n", "ok ok open"),
    ("chunk extensions", CHUNKED + b"2;a=b;c=\"d;e\"\r\n{}\r\n0;x\r\n\r\n", "ok open"),
    ("trailers", CHUNKED + b"2\r\n{}\r\n0\r\nHost: b\r\nContent-Length: 5\r\n\r\n", "ok open"),
    ("a chunk size with zeros before it", CHUNKED + b"0000000000000002\r\n{}\r\n0\r\n\r\n", "ok open"),
    ("absolute-form", b"GET http://a/health HTTP/1.1\r\n" + HOST + b"\r\n", "ok open"),
    ("an empty line before the request", b"\r\n" + GET + b"\r\n", "ok open"),
    ("Connection: close", GET + b"Connection: close\r\n\r\n", "ok close"),
    ("nothing is read behind the last request", GET + b"Connection: close\r\n\r\n" + GET + b"\r\n", "ok close"),
    ("HTTP/1.0", b"GET /health HTTP/1.0\r\n\r\n", "ok close"),
    ("HTTP/1.0 that stays", b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "ok open"),
    ("close wins over keep-alive", GET + b"Connection: keep-alive, close\r\n\r\n", "ok close"),
    ("HEAD has no body", b"HEAD /health HTTP/1.1\r\n" + HOST + b"\r\n", "ok open"),
    ("OPTIONS of the server", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", "ok open"),
    ("a GET with a body", GET + b"Content-Length: 2\r\n\r\n{}", "ok open"),
    ("names of fields in capitals", b"POST /v1/jobs/probe HTTP/1.1\r\nCONTENT-TYPE: application/json\r\nHOST: a\r\n"
     b"CONTENT-LENGTH: 2\r\n\r\n{}", "ok open"),
    ("blanks around a value", GET + b"Content-Length: \t 2 \t\r\n\r\n{}", "ok open"),
    ("a length with zeros before it", POST + b"Content-Length: 0002\r\n\r\n{}", "ok open"),
    ("a tab before chunked", POST + b"Transfer-Encoding:\tchunked\r\n\r\n" + BODY, "ok open"),
    ("a chunk size in capitals", CHUNKED + b"A\r\n{        }\r\n0\r\n\r\n", "ok open"),
    ("an empty value", GET + b"X:\r\n\r\n", "ok open"),
    ("bytes over 127 in a value", GET + b"X: \xc3\xa9\xff\r\n\r\n", "ok open"),
    ("Host with a port", b"GET /health HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", "ok open"),
    ("Host is an IPv6 address", b"GET /health HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "ok open"),
    ("64 fields", GET + b"X: y\r\n" * 63 + b"\r\n", "ok open"),
    ("a target of 8,000 bytes", b"GET /health?" + b"a" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", "ok open"),
    ("an upgrade nobody speaks", GET + b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
     "ok open"),
    ("nothing to wait for with Expect", GET + b"Expect: 100-continue\r\n\r\n", "ok open"),
    ("a word behind a body", POST + b"Content-Length: 2\r\n\r\n{}G", "ok more"),
    ("half a head", b"GET /health HTTP/1.1\r\nHos", "more"),
    ("half a body", POST + b"Content-Length: 2000\r\n\r\n{", "more"),
    ("half of the last chunk", CHUNKED + b"2\r\n{}\r\n0\r\n", "more"),
    ("a client that waits for the 100", POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", "100 more"),

    ("Content-Length: +2", POST + b"Content-Length: +2\r\n\r\n{}", "400 close"),
    ("Content-Length: -2", POST + b"Content-Length: -2\r\n\r\n{}", "400 close"),
    ("Content-Length: 0x2", POST + b"Content-Length: 0x2\r\n\r\n{}", "400 close"),
    ("Content-Length: 2, 2", POST + b"Content-Length: 2, 2\r\n\r\n{}", "400 close"),
    ("Content-Length: 2 2", POST + b"Content-Length: 2 2\r\n\r\n{}", "400 close"),
    ("Content-Length of nothing", POST + b"Content-Length:\r\n\r\n{}", "400 close"),
    ("two different lengths", POST + b"Content-Length: 2\r\nContent-Length: 7\r\n\r\n{}GET /", "400 close"),
    ("two different lengths, the greater first", POST + b"Content-Length: 7\r\nContent-Length: 2\r\n\r\n{}GET /", "400 close"),
    ("two equal lengths", POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "400 close"),
    ("Content-Length : 2", POST + b"Content-Length : 2\r\n\r\n{}", "400 close"),
    ("a length of 20 digits", POST + b"Content-Length: 99999999999999999999\r\n\r\n", "400 close"),
    ("length and chunked", POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, "400 close"),
    ("chunked and length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" + BODY, "400 close"),
    ("gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + BODY, "501 close"),
    ("chunked, gzip", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + BODY, "400 close"),
    ("chunked, chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + BODY, "400 close"),
    ("xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n" + BODY, "501 close"),
    ("a vertical tab before chunked", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + BODY, "400 close"),
    ("Transfer-Encoding : chunked", POST + b"Transfer-Encoding : chunked\r\n\r\n" + BODY, "400 close"),
    ("Transfer-Encoding twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + BODY, "400 close"),
    ("chunked in HTTP/1.0", b"POST /v1/jobs/probe HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, "400 close"),
    ("a chunk size of 0x2", CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a chunk size of +2", CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a chunk size of -2", CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("no chunk size", CHUNKED + b"\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a blank before a chunk size", CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("the greatest length", POST + b"Content-Length: 18446744073709551615\r\n\r\n", "413 close"),
    ("the greatest chunk size", CHUNKED + b"ffffffffffffffff\r\n", "413 close"),
    ("a chunk size of 17 digits", CHUNKED + b"10000000000000002\r\n", "400 close"),
    ("a chunk longer than its size", CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a chunk ended by LF", CHUNKED + b"2\r\n{}\n0\r\n\r\n", "400 close"),
    ("a chunk size ended by LF", CHUNKED + b"2\n{}\r\n0\r\n\r\n", "400 close"),

    ("no Host", b"GET /health HTTP/1.1\r\n\r\n", "400 close"),
    ("two Hosts", GET + HOST + b"\r\n", "400 close"),
    ("two different Hosts", GET + b"Host: b\r\n\r\n", "400 close"),
    ("an empty Host", b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", "400 close"),
    ("Host with a path", b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 close"),
    ("Host with a blank", b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", "400 close"),

    ("LF behind the request line", b"GET /health HTTP/1.1\n" + HOST + b"\r\n", "400 close"),
    ("LF behind a field", b"GET /health HTTP/1.1\r\nHost: a\n\r\n", "400 close"),
    ("LF behind the head", GET + b"\n", "400 close"),
    ("CR alone in a value", GET + b"X: a\rb\r\n\r\n", "400 close"),
    ("CR CR LF", b"GET /health HTTP/1.1\r\r\n" + HOST + b"\r\n", "400 close"),
    ("a folded field", GET + b"X: a\r\n b\r\n\r\n", "400 close"),
    ("a blank before the first field", b"GET /health HTTP/1.1\r\n Host: a\r\n\r\n", "400 close"),
    ("NUL in a value", GET + b"X: a\0b\r\n\r\n", "400 close"),
    ("NUL in a name", GET + b"X\0: a\r\n\r\n", "400 close"),
    ("a control character in a value", GET + b"X: a\x01b\r\n\r\n", "400 close"),
    ("no name", GET + b": a\r\n\r\n", "400 close"),
    ("a name that is no token", GET + b"X(y): a\r\n\r\n", "400 close"),
    ("a blank before the colon", GET + b"X : a\r\n\r\n", "400 close"),
    ("no colon", GET + b"X\r\n\r\n", "400 close"),
    ("a fragment in the target", b"GET /health#x HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a raw byte over 127 in the target", b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("NUL in the target", b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a blank in the target", b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a target that is no path", b"GET health HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a tab for a blank", b"GET\t/health HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("two blanks", b"GET  /health HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("HTTP/0.9", b"GET /health\r\n", "400 close"),
    ("HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 close"),
    ("HTTP/1.2", b"GET /health HTTP/1.2\r\n" + HOST + b"\r\n", "505 close"),
    ("HTTP/1.10", b"GET /health HTTP/1.10\r\n" + HOST + b"\r\n", "400 close"),
    ("a version in small letters", b"GET /health http/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a TLS greeting", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", "400 close"),
    ("another expectation", POST + b"Content-Length: 2\r\nExpect: more\r\n\r\n{}", "417 close"),
    ("a target without end", b"GET /" + b"a" * 20000, "414 close"),
    ("a field without end", GET + b"X: " + b"a" * 40000, "431 close"),
    ("a hundred fields", GET + b"X: y\r\n" * 100 + b"\r\n", "431 close"),

    # Smuggling: what two readers in a row could cut differently.
    ("CL.TE", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "400 close"),
    ("TE.CL", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + GET + b"\r\n", "400 close"),
    ("TE.TE: cow", POST + b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n" + BODY, "400 close"),
    ("TE.TE: cow first", POST + b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, "400 close"),
    ("a parameter of chunked", POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n" + BODY, "501 close"),
    ("chunked in quotes", POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n" + BODY, "501 close"),
    ("chunked and a comma", POST + b"Transfer-Encoding: chunked,\r\n\r\n" + BODY, "400 close"),
    ("a comma and chunked", POST + b"Transfer-Encoding: ,chunked\r\n\r\n" + BODY, "400 close"),
    ("no coding", POST + b"Transfer-Encoding:\r\n\r\n" + BODY, "400 close"),
    ("identity", POST + b"Transfer-Encoding: identity\r\n\r\n{}", "501 close"),
    ("a coding hidden behind a lone LF", POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n" + BODY, "400 close"),
    ("a coding hidden behind a lone CR", POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + BODY, "400 close"),
    ("a coding folded over two lines", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + BODY, "400 close"),
    ("a name of two lines", POST + b"Transfer-Encoding\r\n: chunked\r\n\r\n" + BODY, "400 close"),
    ("a length folded over two lines", POST + b"Content-Length:\r\n 2\r\n\r\n{}", "400 close"),
    ("a tab before the colon", POST + b"Content-Length\t: 2\r\n\r\n{}", "400 close"),
    ("two lengths in a list", POST + b"Content-Length: 2,7\r\n\r\n{}", "400 close"),
    ("a length and a comma", POST + b"Content-Length: 2,\r\n\r\n{}", "400 close"),
    ("a length and a semicolon", POST + b"Content-Length: 2;\r\n\r\n{}", "400 close"),
    ("a length with a point", POST + b"Content-Length: 2.0\r\n\r\n{}", "400 close"),
    ("a length with an exponent", POST + b"Content-Length: 2e0\r\n\r\n{}", "400 close"),
    ("a length with an underscore", POST + b"Content-Length: 0_2\r\n\r\n{}", "400 close"),
    ("a length in quotes", POST + b"Content-Length: \"2\"\r\n\r\n{}", "400 close"),
    ("a length in wide digits", POST + "Content-Length: ２\r\n\r\n{}".encode(), "400 close"),
    ("a length of 2^64+2", POST + b"Content-Length: 18446744073709551618\r\n\r\n{}", "400 close"),
    ("a semicolon and no extension", CHUNKED + b"2;\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("LF in an extension", CHUNKED + b"2;a\nb\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("CR in an extension", CHUNKED + b"2;a\rb\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("NUL in an extension", CHUNKED + b"2;a\0\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("CR before an extension", CHUNKED + b"2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n", "400 close"),
    ("a blank behind a chunk size", CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n", "400 close"),
    ("an underscore in a chunk size", CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a comma in a chunk size", CHUNKED + b"2,2\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a letter in a chunk size", CHUNKED + b"2g\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a chunk size of 2^64+2", CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n", "400 close"),
    ("a chunk ended by CR", CHUNKED + b"2\r\n{}\r0\r\n\r\n", "400 close"),
    ("a chunk without its end", CHUNKED + b"2\r\n{}0\r\n\r\n", "400 close"),
    ("a trailer that is no field", CHUNKED + b"2\r\n{}\r\n0\r\nGET / HTTP/1.1\r\n\r\n", "400 close"),
    ("a folded trailer", CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n", "400 close"),
    ("LF behind the last chunk", CHUNKED + b"2\r\n{}\r\n0\n\n", "400 close"),
    ("nothing is read behind an error", GET + b"X : y\r\n\r\n" + GET + b"\r\n", "400 close"),
    ("an error behind a request", GET + b"\r\n" + GET + b"X : y\r\n\r\n", "ok 400 close"),
    ("a byte that begins nothing behind a body", POST + b"Content-Length: 2\r\n\r\n{}\0", "ok 400 close"),

    ("Host with a user", b"GET /health HTTP/1.1\r\nHost: u@a\r\n\r\n", "400 close"),
    ("Host with a port that is none", b"GET /health HTTP/1.1\r\nHost: a:b\r\n\r\n", "400 close"),
    ("Host with a comma and a blank", b"GET /health HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 close"),
    ("Host is half an address", b"GET /health HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 close"),
    ("authority-form", b"GET a:80 HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("CONNECT", b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n", "501 close"),
    ("an asterisk for GET", b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("absolute-form with a user", b"GET http://u@a/ HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("absolute-form without a host", b"GET http:///health HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("absolute-form of another scheme", b"GET ftp://a/ HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a method of 33 letters", b"M" * 33 + b" /health HTTP/1.1\r\n" + HOST + b"\r\n", "501 close"),
    ("a method that is no token", b"G/T /health HTTP/1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("a method without end", b"G" * 20000, "400 close"),
    ("a byte over 127 in a name", GET + b"X\xff: y\r\n\r\n", "400 close"),
    ("DEL in a value", GET + b"X: \x7f\r\n\r\n", "400 close"),
    ("a head of only LF", b"GET /health HTTP/1.1\nHost: a\n\n", "400 close"),
    ("a head of only CR", b"GET /health HTTP/1.1\rHost: a\r\r", "400 close"),
    ("a blank behind the version", b"GET /health HTTP/1.1 \r\n" + HOST + b"\r\n", "400 close"),
    ("a version without its second number", b"GET /health HTTP/1\r\n" + HOST + b"\r\n", "400 close"),
    ("a version with zeros", b"GET /health HTTP/01.01\r\n" + HOST + b"\r\n", "400 close"),
    ("a version of blanks", b"GET /health HTTP/ 1.1\r\n" + HOST + b"\r\n", "400 close"),
    ("HTTP/3.0", b"GET /health HTTP/3.0\r\n" + HOST + b"\r\n", "505 close"),
    ("Expect twice", POST + b"Content-Length: 2\r\nExpect: 100-continue\r\nExpect: more\r\n\r\n{}", "417 close"),
    ("a greeting of SSH", b"SSH-2.0-OpenSSH_9.2\r\n", "400 close"),
    ("zeros", b"\0" * 100, "400 close"),
]


# Where nginx tidies up or refuses by itself, or goes on with its client after a refusal of ours.
THROUGH_NGINX = {
    "chunked, gzip": "501 close",
    "chunked, chunked": "501 close",
    "chunked and a comma": "501 close",
    "a comma and chunked": "501 close",
    "no coding": "501 close",
    "the greatest length": "400 close",
    "a method without end": "414 close",
    "OPTIONS of the server": "400 close",
    "blanks around a value": "400 close",
    "a tab before chunked": "501 close",
    "64 fields": "431 open",
    "nothing to wait for with Expect": "100 ok open",
    "a vertical tab before chunked": "501 close",
    "the greatest chunk size": "400 close",
    "a chunk ended by LF": "ok open",
    "a chunk size ended by LF": "ok open",
    "LF behind the request line": "ok open",
    "LF behind a field": "ok open",
    "LF behind the head": "ok open",
    "a control character in a value": "400 open",
    "a name that is no token": "ok open",
    "no colon": "ok open",
    "a fragment in the target": "400 open",
    "a raw byte over 127 in the target": "400 open",
    "two blanks": "ok open",
    "HTTP/0.9": "0.9 close",
    "HTTP/2.0": "400 close",
    "HTTP/1.2": "ok open",
    "HTTP/1.10": "ok open",
    "another expectation": "ok open",
    "a field without end": "400 close",
    "a hundred fields": "431 open",
    "a coding hidden behind a lone LF": "ok open",
    "a semicolon and no extension": "ok open",
    "NUL in an extension": "ok open",
    "a blank behind a chunk size": "ok open",
    "a trailer that is no field": "ok open",
    "a folded trailer": "ok open",
    "LF behind the last chunk": "ok open",
    "Host with a user": "400 open",
    "Host with a port that is none": "ok open",
    "Host is half an address": "400 open",
    "CONNECT": "400 close",
    "absolute-form of another scheme": "ok open",
    "a method of 33 letters": "501 open",
    "a byte over 127 in a name": "ok open",
    "DEL in a value": "400 open",
    "a head of only LF": "ok open",
    "a blank behind the version": "ok open",
    "Expect twice": "400 close",
}


class Conversation:
    """One connection: bytes in, outcome out."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(10 * PATIENCE)
        self.socket.connect(address)
        self.reader = self.socket.makefile("rb")
        self.bodies, self.heads = [], []
        self.head_only = False

    def send(self, data, piece):
        try:
            for at in range(0, len(data), piece):
                self.socket.sendall(data[at:at + piece])
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered already: the rest is not wanted

    def answer(self):
        """One status with its body read; None at the end."""
        try:
            line = self.reader.readline()
            if not line:
                return None
            if not line.startswith(b"HTTP/"):
                self.bodies.append(line + self.reader.read())
                return 0.9
            headers = {}
            while (field := self.reader.readline()) not in (b"\r\n", b""):
                name, _, value = field.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            status = int(line.split()[1])
            self.heads.append((status, headers))
            if status >= 200 and not self.head_only:
                self.bodies.append(self._body(headers))
            return status
        except ConnectionResetError:
            return None

    def _body(self, headers):
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.reader.read(int(headers.get("content-length", 0)))
        body = b""
        while n := int(self.reader.readline(), 16):
            body += self.reader.read(n + 2)[:-2]
        self.reader.readline()
        return body

    def close(self):
        self.reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_after(body):
    """Whether this is the answer to AFTER, of the mirror or of a door."""
    try:
        seen = json.loads(body)
        return "uri" not in seen or base64.b64decode(seen["uri"]) == b"/api/health"
    except ValueError:
        return False


def outcome(address, data, piece, expected):
    """What came of it, in the words of ROWS."""
    with Conversation(address) as talk:
        talk.head_only = data.startswith(b"HEAD")
        talk.send(data, piece)
        words = []
        n_expected = len(expected.split()) - 1
        while len(words) < n_expected:
            status = talk.answer()
            if status is None:
                return " ".join(words + ["close"])
            words.append("ok" if 200 <= status < 300 else str(status))
        if expected.endswith("close"):
            return " ".join(words + ["close" if talk.answer() is None else "open"])
        if expected.endswith("more"):
            talk.socket.settimeout(0.05)
            try:
                said = talk.reader.read(1)
            except TimeoutError:
                return " ".join(words + ["more"])
            return " ".join(words + [repr(said)])
        talk.head_only = False
        talk.send(AFTER, piece)
        talk.answer()
        return " ".join(words + ["open" if talk.bodies and is_after(talk.bodies[-1]) else "desynchronised"])


def understood(mirror, data):
    """A request as the mirror saw it."""
    with Conversation(mirror.address) as talk:
        talk.send(data, len(data))
        talk.answer()
        seen = json.loads(talk.bodies[0])
    text = {name: base64.b64decode(seen[name]).decode("latin-1") for name in ("method", "uri", "version", "body")}
    text["headers"] = [tuple(base64.b64decode(x).decode("latin-1") for x in pair) for pair in seen["headers"]]
    return text


class Rows(unittest.TestCase):
    def check(self, address, through_nginx=False):
        for name, data, direct in ROWS:
            expected = THROUGH_NGINX.get(name, direct) if through_nginx else direct
            for piece in (len(data), 1) if len(data) < 2000 else (len(data), 7001):
                with self.subTest(name, piece=piece):
                    self.assertEqual(outcome(address, data, piece, expected), expected)


class OfTheMirror(Rows):
    def setUp(self):
        self.mirror = Mirror()
        self.addCleanup(self.mirror.close)

    def test_it_takes_and_refuses_what_the_table_says(self):
        self.check(self.mirror.address)

    def test_it_shows_the_request_as_it_was_understood(self):
        seen = understood(
            self.mirror, b"BREW http://a/p?q=%20 HTTP/1.1\r\nhOST:  a \r\nX: \xff\r\nX:\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1;x=y\r\na\r\n2\r\nb\0\r\n0\r\nTrailer: t\r\n\r\n")
        self.assertEqual(seen, {
            "method": "BREW", "uri": "http://a/p?q=%20", "version": "HTTP/1.1", "body": "ab\0",
            "headers": [("hOST", "a"), ("X", "\xff"), ("X", ""), ("Transfer-Encoding", "chunked")]})
        seen = understood(self.mirror, b"POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\n\r\n\0rest")
        self.assertEqual((seen["method"], seen["version"], seen["body"]), ("POST", "HTTP/1.0", "\r\n\0"))

    def test_a_hundred_pipelined_requests_are_answered_in_their_order(self):
        data = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (i, i, b"x" * i) for i in range(100))
        with Conversation(self.mirror.address) as talk:
            talk.send(data, 777)
            for i in range(100):
                self.assertEqual(talk.answer(), 200)
                seen = json.loads(talk.bodies[-1])
                self.assertEqual(base64.b64decode(seen["uri"]), b"/%d" % i)
                self.assertEqual(len(base64.b64decode(seen["body"])), i)

    def test_what_head_is_told_is_what_get_would_have(self):
        lengths = []
        for method in (b"GET", b"HEAD"):
            with Conversation(self.mirror.address) as talk:
                talk.head_only = method == b"HEAD"
                talk.send(method + b" /" + b"x" * (6 - len(method)) + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 99)
                self.assertEqual(talk.answer(), 200)
                lengths.append(int(talk.heads[0][1]["content-length"]))
                self.assertIsNone(talk.answer())
        self.assertLessEqual(abs(lengths[0] - lengths[1]), 4)  # the method and the path are in it, in base64

    def test_raw_gives_the_body_back(self):
        mirror = Mirror("--raw")
        self.addCleanup(mirror.close)
        body = bytes(range(256)) * 4000
        with Conversation(mirror.address) as talk:
            talk.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body, 65536)
            self.assertEqual((talk.answer(), talk.bodies), (200, [body]))

    def test_it_ends_when_it_is_told_to(self):
        self.assertEqual(self.mirror.close(), 0)


class OfADoor(Rows):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(appendfsync="no")
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door = cls.fleet.door({"PARLEY_BODY_TIMEOUT": "2s"})
        cls.address = (cls.door.host, cls.door.port)

    def test_it_takes_and_refuses_what_the_table_says(self):
        self.check(self.address)

    def test_it_says_no_before_a_body_is_sent(self):
        for request, status in (
                (POST + b"Content-Length: 262145\r\nExpect: 100-continue\r\n\r\n", 413),
                (POST + b"Content-Length: 262145\r\n\r\n", 413),
                (POST + b"Transfer-Encoding: chunked\r\n\r\n40001\r\n", 413),
                (POST + b"\r\n", 411),
                (b"get /health HTTP/1.1\r\n" + HOST + b"\r\n", 501)):
            with self.subTest(request), Conversation(self.address) as talk:
                talk.send(request, len(request))
                self.assertEqual(talk.answer(), status)
                self.assertEqual(json.loads(talk.bodies[0])["status"], status)
                self.assertEqual(talk.heads[0][1]["connection"], "close")
                self.assertIsNone(talk.answer())

    def test_a_client_that_does_not_wait_for_its_100_gets_none(self):
        request = POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}"
        with Conversation(self.address) as talk:
            talk.send(request, len(request))
            self.assertEqual(talk.answer(), 202)
        with Conversation(self.address) as talk:
            talk.send(request[:-2], 1000)
            self.assertEqual(talk.answer(), 100)
            talk.send(b"{}", 1)
            self.assertEqual(talk.answer(), 202)

    def test_a_method_that_is_not_for_an_address_is_told_which_are(self):
        for method, path, allowed in ((b"DELETE", b"/health", "GET, HEAD"), (b"GET", b"/v1/debate", "POST"),
                                      (b"TRACE", b"/v1/jobs", "GET, HEAD"), (b"PATCH", b"/v1/jobs", "GET, HEAD"),
                                      (b"PUT", b"/v1/debate", "POST")):
            with self.subTest(path), Conversation(self.address) as talk:
                talk.send(method + b" " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n", 99)
                self.assertEqual((talk.answer(), talk.heads[0][1]["allow"]), (405, allowed))
        with Conversation(self.address) as talk:
            talk.send(b"POST /v2/debate HTTP/1.1\r\nHost: a\r\n\r\n", 99)
            self.assertEqual(talk.answer(), 404)
        with Conversation(self.address) as talk:
            talk.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 99)
            self.assertEqual((talk.answer(), talk.heads[0][1]["allow"]), (204, "GET, HEAD, POST, OPTIONS"))
            self.assertNotIn("content-length", talk.heads[0][1])

    def test_half_a_connection_gets_its_answer(self):
        with Conversation(self.address) as talk:
            talk.send(POST + b"Content-Length: 2\r\n\r\n{}", 999)
            talk.socket.shutdown(socket.SHUT_WR)
            self.assertEqual((talk.answer(), talk.answer()), (202, None))
        with Conversation(self.address) as talk:
            talk.send(POST + b"Content-Length: 2\r\n\r\n{", 999)
            talk.socket.shutdown(socket.SHUT_WR)
            self.assertIsNone(talk.answer())

    def test_a_body_that_does_not_come_is_not_waited_for(self):
        with Conversation(self.address) as talk:
            talk.send(POST + b"Content-Length: 2\r\n\r\n{", 999)
            self.assertEqual((talk.answer(), talk.answer()), (408, None))


@unittest.skipIf(MISSING, MISSING)
class ThroughNginx(Rows):
    """Debian's nginx, with the configuration that we ship."""

    def nginx(self, *ports):
        folder = tempfile.mkdtemp(prefix="parley-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        nginx = Nginx(folder, *ports)
        self.addCleanup(nginx.close)
        return nginx

    def test_nothing_of_the_table_comes_through_as_something_else(self):
        mirror = Mirror()
        self.addCleanup(mirror.close)
        self.check(self.nginx(mirror.port).socket, through_nginx=True)

    def test_a_client_cannot_choose_who_it_is(self):
        mirror = Mirror()
        self.addCleanup(mirror.close)
        with Conversation(self.nginx(mirror.port).socket) as talk:
            talk.send(GET + b"X-Forwarded-For: 10.0.0.1\r\nConnection: close, X-Forwarded-For\r\n\r\n", 999)
            self.assertEqual(talk.answer(), 200)
            seen = [tuple(map(base64.b64decode, pair)) for pair in json.loads(talk.bodies[0])["headers"]]
        self.assertEqual([value for name, value in seen if name.lower() == b"x-forwarded-for"], [b"unix:"])

    def test_the_door_sees_the_host_and_port_that_a_page_s_origin_names(self):
        mirror = Mirror()
        self.addCleanup(mirror.close)
        with Conversation(self.nginx(mirror.port).socket) as talk:
            for host in (b"a.example", b"a.example:8443", b"[::1]", b"[::1]:8443"):
                talk.send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 999)
                self.assertEqual(talk.answer(), 200)
                seen = [tuple(map(base64.b64decode, pair)) for pair in json.loads(talk.bodies[-1])["headers"]]
                self.assertEqual([value for name, value in seen if name.lower() == b"host"], [host])

    def test_events_come_through_as_they_happen(self):
        with Fleet(appendfsync="no") as fleet:
            door = fleet.door({"PARLEY_TRUSTED_PROXIES": "127.0.0.1"})
            address = self.nginx(door.port).socket
            with Conversation(address) as talk:
                talk.send(POST + b"Accept: text/event-stream\r\nContent-Length: 12\r\n\r\n{\"events\":2}", 999)
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += talk.reader.readline()
                self.assertIn(b"200 OK", head)
                self.assertEqual(self._event(talk.reader), b"job.queued")  # nobody runs it yet: nothing is held back
                fleet.worker("probe")
                self.assertIn(b"job.started", iter(lambda: self._event(talk.reader), b"job.succeeded"))

    @staticmethod
    def _event(reader):
        """The type of the next event of an SSE stream."""
        while not (line := reader.readline()).startswith(b"event: "):
            assert line, "the stream ended"
        return line[7:].strip()

    def test_a_websocket_comes_through(self):
        mirror = Mirror()
        self.addCleanup(mirror.close)
        with Conversation(self.nginx(mirror.port).socket) as talk:
            talk.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 999)
            self.assertEqual(talk.answer(), 101)
            self.assertEqual(talk.heads[0][1]["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            talk.send(frame(TEXT, b"hello"), 1)
            self.assertEqual(talk.reader.read(7), b"\x81\x05hello")

    def test_who_asks_too_often_is_told_in_the_words_of_a_door(self):
        mirror = Mirror()
        self.addCleanup(mirror.close)
        for path, n in ((b"/v1/boardroom", 5), (b"/v1/debate", 21), (b"/v1/jobs/debate", 21)):
            # A burst, then the rate. A refused one comes at once, so more than these cannot have passed.
            with self.subTest(path), Conversation(self.nginx(mirror.port).socket) as talk:
                request = b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                talk.send(request * (n + 40), 65536)
                statuses = [talk.answer() for _ in range(n + 40)]
                self.assertEqual(statuses[:n], [200] * n)
                self.assertIn(429, statuses)
                at = statuses.index(429)
                self.assertEqual(talk.heads[at][1]["content-type"], "application/problem+json")
                self.assertEqual(talk.heads[at][1]["retry-after"], "1")
                self.assertEqual(json.loads(talk.bodies[at])["code"], "rate_limited")


if __name__ == "__main__":
    unittest.main()
