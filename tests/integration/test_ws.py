"""Events over WebSocket: the same events, closing in words, and what clients may not send."""
import json
import pathlib
import signal
import struct
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402
from websocket import BINARY, CLOSE, PING, PONG, TEXT, Refused, WebSocket, frame  # noqa: E402

NO_JOB = "0" * 26


class SocketCase(unittest.TestCase):
    """Two doors on one Redis and a worker of the kind probe."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door = cls.fleet.door({"PARLEY_CORS_ORIGINS": "https://app.example"})
        cls.fleet.worker("probe")

    def queue(self, **body):
        answer = self.door.post("/v1/jobs/probe", {"events": 3, **body})
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def waiting(self):
        """A job that does not run yet."""
        return self.queue(not_before=int(time.time() * 1000) + 86400000)

    def open(self, job, query="", **more):
        return WebSocket(self.door, f"/v1/jobs/{job}/events{query}", **more)

    def refused(self, path, headers=None, **more):
        with self.assertRaises(Refused) as found:
            WebSocket(self.door, path, headers, **more)
        return found.exception


class Reading(SocketCase):
    def test_every_wire_carries_the_same_bytes(self):
        job = self.queue()
        self.door.finished(job)
        with self.open(job) as reader:
            events = reader.rest()
            self.assertEqual((reader.code, reader.reason), (1000, "done"))
            self.assertTrue(reader.ended())
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[-1]["type"], "job.succeeded")
        with self.door.stream(f"/v1/jobs/{job}/events") as sse, \
                self.door.stream(f"/v1/jobs/{job}/events", accept="application/x-ndjson") as lines:
            sse.rest()
            lines.rest()
            self.assertEqual(reader.raw, sse.raw)
            self.assertEqual(reader.raw, lines.raw)
        self.assertEqual(reader.raw, self.fleet.log(job))

    def test_it_reads_from_a_cursor_and_live_to_the_end(self):
        job = self.queue()
        with self.open(job, "?after=1") as reader:
            events = reader.rest()
            self.assertEqual(events[0]["seq"], 2)
            self.assertEqual(events[-1]["type"], "job.succeeded")
            self.assertEqual(reader.code, 1000)

    def test_large_events_come_whole(self):
        job = self.waiting()

        text = json.dumps({"type": "step.delta", "seq": 3, "job": job, "at": "x", "attempt": 1, "text": "t" * 70000},
                          separators=(",", ":"))
        self.fleet.redis("XADD", f"job:{job}:events", "3-0", "e", text)
        self.fleet.redis("HSET", f"job:{job}", "seq", 3)
        with self.open(job, "?after=2") as reader:
            self.assertEqual(len(reader.next()["text"]), 70000)

    def test_what_is_refused_before_the_upgrade_is_an_http_answer(self):
        job = self.queue()
        self.door.finished(job)
        last = len(self.fleet.log(job))
        for name, path, headers, status in (
            ("an unknown job", f"/v1/jobs/{NO_JOB}/events", {}, 404), ("a cursor ahead", f"/v1/jobs/{job}/events?after=99", {}, 400),
            ("the end of a finished job", f"/v1/jobs/{job}/events?after={last}", {}, 204),
            ("another version", f"/v1/jobs/{job}/events", {"Sec-WebSocket-Version": "8"}, 400),
            ("no key", f"/v1/jobs/{job}/events", {"Sec-WebSocket-Key": None}, 400),
            ("a key of 15 bytes", f"/v1/jobs/{job}/events", {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAA"}, 400),
            ("no Connection: Upgrade", f"/v1/jobs/{job}/events", {"Connection": "keep-alive"}, 400),
            ("a page of elsewhere", f"/v1/jobs/{job}/events", {"Origin": "https://evil.example"}, 403),
            ("a page without an origin", f"/v1/jobs/{job}/events", {"Origin": "null"}, 403),
        ):
            with self.subTest(name):
                self.assertEqual(self.refused(path, headers).status, status)
        self.fleet.redis("DEL", f"job:{job}:events")
        self.assertEqual(self.refused(f"/v1/jobs/{job}/events").status, 410)

    def test_allowed_pages_and_the_door_s_own_may(self):
        job = self.waiting()
        for origin in ("https://app.example", self.door.url):
            with self.open(job, headers={"Origin": origin}) as reader:
                self.assertEqual(reader.next()["type"], "job.queued")

    def test_no_extension_is_agreed_to(self):
        job = self.waiting()
        with self.open(job, headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}) as reader:
            self.assertNotIn(b"extensions", reader.head.lower())
            self.assertEqual(reader.next()["type"], "job.queued")

    def test_a_draining_door_says_where_to_go_on_and_closes_with_1001(self):
        door = self.fleet.door()
        job = self.waiting()
        with WebSocket(door, f"/v1/jobs/{job}/events") as reader:
            self.assertEqual([reader.next()["seq"] for _ in range(2)], [1, 2])
            door.send(signal.SIGTERM)
            last = reader.next()
            self.assertEqual((last["type"], last["reason"], last["after"]), ("stream.closed", "draining", 2))
            self.assertIsNone(reader.next())
            self.assertEqual(reader.code, 1001)
        self.assertEqual(door.wait(), 0)


class Talking(SocketCase):
    def setUp(self):
        self.job = self.waiting()

    def begun(self):
        reader = self.open(self.job)
        self.addCleanup(reader.close)
        reader.next()
        reader.next()
        return reader

    def test_pings_are_answered_also_in_pieces_and_in_numbers(self):
        reader = self.begun()
        for byte in frame(PING, b"hello"):
            reader.send(bytes([byte]))
        self.assertEqual(reader.frame(), (PONG, b"hello"))
        reader.send(b"".join(frame(PING, b"%d" % i) for i in range(500)))
        self.assertEqual([reader.frame()[1] for _ in range(500)], [b"%d" % i for i in range(500)])

    def test_what_a_client_says_is_read_and_dropped(self):
        reader = self.begun()
        reader.send(frame(TEXT, b"hello") + frame(BINARY, bytes(range(256))) + frame(TEXT, b"a", fin=False) + frame(0, b"b"))
        reader.send(frame(PONG, b"unasked") + frame(PING, b"still there"))
        self.assertEqual(reader.frame(), (PONG, b"still there"))
        self.assertEqual(self.door.post(f"/v1/jobs/{self.job}/cancel").status, 200)
        self.assertEqual(reader.rest()[-1]["type"], "job.cancelled")

    def test_a_close_frame_is_answered_with_its_code(self):
        reader = self.begun()
        reader.send(frame(CLOSE, struct.pack(">H", 1000) + b"bye"))
        self.assertIsNone(reader.next())
        self.assertEqual(reader.code, 1000)
        self.assertTrue(reader.ended())

    def test_each_fault_of_a_client_has_its_close_code(self):
        for name, data, code in (
            ("an unmasked frame", frame(TEXT, b"x", masked=False), 1002), ("a reserved bit", frame(TEXT, b"x", rsv=4), 1002),
            ("an unknown opcode", frame(3, b"x"), 1002), ("a continuation of nothing", frame(0, b"x"), 1002),
            ("a ping in fragments", frame(PING, b"x", fin=False), 1002), ("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
            ("a message of 4097 bytes", frame(TEXT, b"x" * 4097), 1009),
            ("a message of 2^62 bytes", b"\x81\xff" + struct.pack(">Q", 1 << 62) + b"mask" + b"x", 1009),
            ("fragments of 4097 bytes", frame(TEXT, b"x" * 4000, fin=False) + frame(0, b"x" * 97), 1009),
            ("text that is not UTF-8", frame(TEXT, b"\xff\xfe"), 1007), ("a close code of 999", frame(CLOSE, struct.pack(">H", 999)), 1002),
        ):
            with self.subTest(name):
                reader = self.begun()
                reader.send(data)
                self.assertIsNone(reader.next())
                self.assertEqual(reader.code, code)
                self.assertTrue(reader.ended())

    def test_nothing_may_be_sent_before_the_handshake_is_answered(self):
        self.assertEqual(self.refused(f"/v1/jobs/{self.job}/events", early=frame(PING)).status, 400)

    def test_a_client_that_leaves_is_forgotten(self):
        before = self.door.get("/health").json["streams"]
        reader = self.begun()
        self.assertEqual(self.door.get("/health").json["streams"], before + 1)
        reader.close()
        until(lambda: self.door.get("/health").json["streams"] == before, "the stream is gone")

    def test_pings_whose_answers_nobody_reads_do_not_pile_up(self):
        reader = self.begun()
        reader.socket.settimeout(20)
        flood = frame(PING, b"x" * 125) * 2000
        with self.assertRaises(OSError):
            for _ in range(400):
                reader.send(flood)
        until(lambda: self.door.get("/health").json["streams"] == 0, "the door hung up")


if __name__ == "__main__":
    unittest.main()
