"""Doors restarted one after the other while clients post jobs and read them: nobody loses anything."""
import http.client
import pathlib
import signal
import socket
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Client, Fleet, PATIENCE, Stream, until  # noqa: E402

N_CLIENTS = 6
ROUNDS = 2
# Long enough for every restart to meet streams that are open.
BODY = b'{"events":12,"delay_ms":25}'
BROKEN = (OSError, http.client.HTTPException)
ENDS = ("job.succeeded", "job.failed", "job.cancelled", "job.expired")


class LoadClient(threading.Thread):
    """Posts a job and reads it to its end, again and again, on one kept connection, as the contract says: every POST
    has a key, a reader that was sent away goes on where it was told to. `lost` are requests that a door let in on a
    new connection and did not answer."""

    def __init__(self, number, port, stop):
        super().__init__()
        self.number, self.port, self.stop = number, port, stop
        self.connection, self.fresh = None, True
        self.jobs, self.lost, self.n_sent_away, self.fault = {}, [], 0, None

    def run(self):
        try:
            while not self.stop.is_set():
                self.one_job(len(self.jobs))
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = fault
        finally:
            self.hang_up()

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, body, headers):
        """Sends it until it is answered. A connection that was kept may be closed at any time: that loses nothing."""
        while True:
            self.fresh = self.connection is None or self.connection.sock is None
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30 * PATIENCE)
            try:
                self.connection.request(method, path, body=body, headers=headers)
                return self.connection.getresponse()
            except BROKEN as fault:
                if self.fresh:
                    self.lost.append(repr(fault))
                self.hang_up()

    def one_job(self, n):
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{self.number}-{n}"'}
        if n % 2:
            headers["Accept"] = "text/event-stream"
        response = self.ask("POST", "/v1/jobs/probe", BODY, headers)
        if response.status != (200 if n % 2 else 202):
            raise AssertionError((response.status, response.read()))
        if n % 2:
            job = response.headers["Job-Id"]
        else:
            job = response.headers["Location"].rpartition("/")[2]
            response.read()
            response = self.ask("GET", f"/v1/jobs/{job}/events", None, {"Accept": "text/event-stream"})
        self.jobs[job] = self.read(job, response)

    def read(self, job, response):
        """The job's events as they came, from one door or several."""
        texts, last = [], "0"
        while True:
            stream = Stream(self.connection, response)
            if stream.status != 200:
                raise AssertionError((stream.status, response.read()))
            path = None
            try:
                for item in iter(stream.next, None):
                    if item["type"] == "stream.closed":
                        if item["reason"] != "draining":
                            raise AssertionError(item)
                        path = item["resume"]
                        self.n_sent_away += 1
                    else:
                        texts.append(stream.raw[-1])
                        last = item["_id"]
                    if item["type"] in ENDS:
                        response.read()
                        return texts
            except BROKEN as fault:
                self.lost.append(f"cut behind {last}: {fault!r}")
                self.hang_up()
            if path is None:
                self.lost.append(f"not told where to go on behind {last}")
            response = self.ask("GET", path or f"/v1/jobs/{job}/events?after={last}", None,
                                {"Accept": "text/event-stream"})


class Restarts(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()

    def roll(self, port, start):
        """The doors that start() makes are replaced in turn, under load. Returns the load's clients when all is over."""
        doors = [start(), start()]
        self.fleet.worker("probe")
        stop = threading.Event()
        clients = [LoadClient(i, port, stop) for i in range(N_CLIENTS)]
        for client in clients:
            client.start()
        try:
            for turn in range(2 * ROUNDS):
                served = sum(len(client.jobs) for client in clients)
                until(lambda served=served: any(client.fault for client in clients) or
                      sum(len(client.jobs) for client in clients) > served + N_CLIENTS, "jobs get done", 60)
                door = doors[turn % 2]
                door.send(signal.SIGTERM)
                self.assertEqual(door.wait(), 0)
                doors[turn % 2] = start()
        finally:
            stop.set()
            for client in clients:
                client.join(60 * PATIENCE)
        for client in clients:
            self.assertIsNone(client.fault)
            self.assertFalse(client.is_alive())
        return clients

    def assert_nothing_lost(self, clients):
        accepted = [job for client in clients for job in client.jobs]
        keys = [key for key in self.fleet.redis("KEYS", "job:*") if key.count(":") == 1]
        self.assertEqual(sorted(keys), sorted(f"job:{job}" for job in accepted), "every POST is one job")
        for client in clients:
            for job, texts in client.jobs.items():
                self.assertEqual(texts, self.fleet.log(job))
        self.assertGreater(sum(client.n_sent_away for client in clients), 0, "no stream was open at a restart")

    def test_with_one_socket_for_all_doors_not_even_a_connection_is_refused(self):
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
            clients = self.roll(listener.getsockname()[1], lambda: self.fleet.activated_door(listener))
            self.assert_nothing_lost(clients)
            self.assertEqual([lost for client in clients for lost in client.lost], [])

    def test_with_a_listener_each_on_one_port_a_client_that_asks_again_loses_nothing(self):
        first = self.fleet.door({"PARLEY_REUSE_PORT": "true"})
        env = {"PARLEY_REUSE_PORT": "true", "PARLEY_LISTEN": f"127.0.0.1:{first.port}"}
        doors = iter([first])
        clients = self.roll(first.port, lambda: next(doors, None) or self.fleet.door(env, ready=False))
        self.assert_nothing_lost(clients)

    def test_a_second_door_on_an_address_is_refused_unless_both_share_it(self):
        first = self.fleet.door()
        with self.assertRaisesRegex(AssertionError, "Address already in use"):
            self.fleet.door({"PARLEY_LISTEN": f"127.0.0.1:{first.port}"})
        self.assertEqual(Client(first.port).get("/health").status, 200)


if __name__ == "__main__":
    unittest.main()
