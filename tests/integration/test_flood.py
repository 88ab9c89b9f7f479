"""What comes from the net while others want to be served: floods, and what runs out."""
import contextlib
import http.client
import os
import pathlib
import resource
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, PATIENCE, Fleet, until  # noqa: E402
from flood import FLOODS  # noqa: E402

SANITIZED = b"__asan_init" in (BUILD / "parley-door").read_bytes()
# Connections at a time, and what must have become of so many of them before the flood may end.
WANTED = {
    "idle connections": (1000, {}),
    "slow heads": (200, {408: 200}),
    "slow bodies": (200, {408: 200}),
    "tiny chunks": (20, {400: 20}),  # more extensions than a body may have
    "tiny frames": (20, {101: 20}),
    "pings": (10, {"hung up": 5}),
    "hang-ups": (20, {"hung up": 500}),
    "random bytes": (1, {400: 500, 202: 20}),
}
MEMORY = 24 << 20


class Polite:
    """One who keeps a connection and asks for what there is."""

    def __init__(self, door):
        self.connection = http.client.HTTPConnection(door.host, door.port, timeout=10 * PATIENCE)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def served(self, n=20):
        """Whether it gets what it asks for, n times, and somebody new does."""
        for _ in range(n):
            if (self.ask("POST", "/v1/jobs/probe", "{}"), self.ask("GET", "/v1/jobs")) != (202, 200):
                return False
        return True

    def close(self):
        self.connection.close()


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # What the process opens, it may: thousands of connections.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.fleet = Fleet(appendfsync="no")
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door = cls.fleet.door({"PARLEY_HEAD_TIMEOUT": "500ms", "PARLEY_BODY_TIMEOUT": "500ms", "PARLEY_LOG": "info"})
        cls.fleet.worker("probe")
        cls.job = cls.door.post("/v1/jobs/probe", {"not_before": int(time.time() * 1000) + 86400000}).json["id"]

    def memory(self):
        return int(pathlib.Path(f"/proc/{self.door.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_each_of_them_leaves_others_served_and_the_door_as_it_was(self):
        self.assertEqual(WANTED.keys(), FLOODS.keys())
        before, connections = self.memory(), self.door.get("/health").json["connections"]
        for name, (n, wanted) in WANTED.items():
            with self.subTest(name), contextlib.closing(Polite(self.door)) as polite:
                self.assertTrue(polite.served(1))
                with FLOODS[name]((self.door.host, self.door.port), n, self.job) as flood:
                    self.assertTrue(polite.served())
                    self.assertEqual(self.door.get("/health").status, 200)  # to somebody new, too
                    until(lambda: all(flood.seen[what] >= count for what, count in wanted.items()) or flood.fault,
                          f"{name}: {wanted}, not {flood.seen}", 30)
                    self.assertTrue(polite.served())
                self.door.check()
            until(lambda: self.door.get("/health").json["connections"] == connections, "all are gone")
        if not SANITIZED:  # its allocator keeps what was freed
            self.assertLess(self.memory() - before, MEMORY)


class Limits(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(appendfsync="no")
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()

    def open(self, door, host=None):
        connection = socket.create_connection((host or door.host, door.port), timeout=10 * PATIENCE)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def ask(connection):
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")

    @staticmethod
    def answered(connection):
        """The status of the answer, 0 when the door has hung up."""
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return 0
        answer.read()
        return answer.status

    def test_a_door_without_descriptors_serves_those_it_has_and_then_accepts_again(self):
        door = self.fleet.door()
        n_open, hard = len(os.listdir(f"/proc/{door.pid}/fd")), resource.prlimit(door.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(door.pid, resource.RLIMIT_NOFILE, (n_open + 10, hard))
        served = [self.open(door) for _ in range(10)]
        for connection in served:
            self.ask(connection)
            self.assertEqual(self.answered(connection), 200)
        waiting = [self.open(door) for _ in range(30)]
        for connection in waiting:
            self.ask(connection)
        for connection in served * 3:
            self.ask(connection)
            self.assertEqual(self.answered(connection), 200)
        for connection in served:
            connection.close()
        for connection in waiting[:10]:  # in the order they came
            self.assertEqual(self.answered(connection), 200)
        resource.prlimit(door.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for connection in waiting[10:]:
            self.assertEqual(self.answered(connection), 200)

    def test_over_the_limit_of_all_the_longest_idle_makes_room(self):
        door = self.fleet.door({"PARLEY_MAX_CONNECTIONS": 3})
        connections = [self.open(door) for _ in range(3)]
        for connection in connections:
            self.ask(connection)
            self.assertEqual(self.answered(connection), 200)
        last = self.open(door)
        self.ask(last)
        self.assertEqual(self.answered(last), 200)
        self.assertEqual(connections[0].recv(1), b"")
        self.ask(connections[2])
        self.assertEqual(self.answered(connections[2]), 200)

    def test_a_flood_that_fills_the_door_does_not_lock_others_out(self):
        door = self.fleet.door({"PARLEY_MAX_CONNECTIONS": 100})
        for name in ("idle connections", "slow heads", "slow bodies"):
            with self.subTest(name), FLOODS[name]((door.host, door.port), 200) as flood:
                until(lambda: flood.seen["hung up"] or flood.fault, "some had to go")
                for _ in range(5):
                    until(lambda: self.served(door), "others are served")
        door.check()

    def served(self, door):
        """On a slow machine the newcomer may be taken for a dawdler itself, and has to come again."""
        try:
            return door.get("/health").status == 200
        except OSError:
            return False

    def test_an_address_has_only_so_many_connections_unless_it_is_a_proxy(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # nothing is sent
            except OSError:
                self.skipTest("this machine has no address but loopback")
            own = probe.getsockname()[0]
        for proxies, n_served in ((None, 3), (own, 5)):
            door = self.fleet.door({"PARLEY_LISTEN": "0.0.0.0:0", "PARLEY_KEY_PEPPER": "p" * 32, "PARLEY_ADDRESS_CONNECTIONS": 3,
                                    "PARLEY_TRUSTED_PROXIES": proxies})
            statuses = []
            for connection in [self.open(door, own) for _ in range(5)]:
                with contextlib.suppress(OSError):
                    self.ask(connection)
                statuses.append(self.answered(connection))
            self.assertEqual(statuses, [200] * n_served + [0] * (5 - n_served))
            self.assertEqual(door.get("/health").status, 200)  # loopback is nobody's address

    def test_what_is_too_large_is_refused_by_the_limits_that_are_set(self):
        door = self.fleet.door({"PARLEY_MAX_HEAD_BYTES": 2048, "PARLEY_IDLE_TIMEOUT": "300ms"})
        for head, status in ((b"GET /" + b"a" * 3000, b"414"), (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3000, b"431")):
            connection = self.open(door)
            connection.sendall(head)
            self.assertIn(b"HTTP/1.1 " + status, connection.recv(100))
        self.assertEqual(self.open(door).recv(1), b"")  # it says nothing for 300 ms


if __name__ == "__main__":
    unittest.main()
