"""What an operator sees of a running fleet: figures (Prometheus), traces from a client to its provider, log lines."""
import json
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from exposition import Page  # noqa: E402
from fleet import Client, Fleet, until  # noqa: E402

QUICK = ["--first-byte-ms", "2", "--tokens-per-second", "20000"]
PEPPER = {"PARLEY_KEY_PEPPER": "0123456789abcdef0123456789abcdef-for-tests"}


def figures_of(process):
    """A client of the address where the process shows its figures; it says in its log which one it got."""
    return Client(int(until(lambda: re.search(r"event=metrics.listening port=(\d+)", process.output()), "the address")[1]))


class Figures(unittest.TestCase):
    """The page of one door."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door = cls.fleet.door()

    def page(self):
        answer = self.door.get("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        page = Page(answer.body.decode())
        self.assertEqual(page.faults, [])
        return page

    def test_requests_are_counted_by_route_and_status(self):
        before = self.page()
        self.assertEqual(self.door.post("/v1/jobs/probe", {"events": 1}).status, 202)
        self.assertEqual(self.door.post("/v1/jobs/probe", {"wrong": 1}).status, 422)
        self.assertEqual(self.door.get("/nowhere").status, 404)
        self.assertEqual(self.door.raw(b"rubbish\r\n\r\n").count(b"\r\nX-Content-Type-Options: nosniff\r\n"), 1)
        after = self.page()

        def more(route, status):
            key = ("parley_door_requests_total", {"route": route, "status": status})
            return after[key] - before[key]
        self.assertEqual((more("submit", "2xx"), more("submit", "4xx"), more("other", "4xx")), (1, 1, 2))
        count = "parley_door_request_seconds_count"
        self.assertEqual(after[count] - before[count], 5)
        self.assertGreater(after["parley_door_sent_bytes_total"], before["parley_door_sent_bytes_total"])

    def test_streams_are_counted_while_they_are_open_and_their_events_by_wire(self):
        job = self.door.post("/v1/jobs/probe", {"events": 1}).json["id"]
        before = self.page()
        wire, left = {"wire": "sse"}, {"reason": "left"}
        with self.door.stream(f"/v1/jobs/{job}/events") as stream:
            self.assertEqual(stream.next()["type"], "job.queued")
            during = self.page()
        self.assertEqual(during["parley_door_streams", wire], 1)
        self.assertEqual(during["parley_door_subscriptions"], 1)
        self.assertEqual(during["parley_door_events_total", wire] - before["parley_door_events_total", wire], 1)
        until(lambda: self.page()["parley_door_streams", wire] == 0, "the stream is counted out")
        closed = ("parley_door_streams_closed_total", left)
        self.assertEqual(self.page()[closed] - before[closed], 1)

    def test_redis_the_loop_and_the_process_are_on_the_page(self):
        page = self.page()
        self.assertGreater(page["parley_redis_commands_total", {"outcome": "ok"}], 0)
        self.assertEqual(page["parley_redis_connects_total"], 2)
        self.assertGreater(page["parley_redis_command_seconds_count"], 0)
        until(lambda: self.page()["parley_loop_lag_seconds_count"] > 0, "the loop's lag is measured")
        self.assertGreater(page["process_open_fds"], 3)
        self.assertEqual(page["parley_build_info", {"program": "parley-door"}], 1)


class OfTheFleet(unittest.TestCase):
    def test_a_door_shows_the_queues_of_the_fleet_read_in_the_background(self):
        with Fleet() as fleet:
            door = fleet.door({"PARLEY_METRICS_LISTEN": "127.0.0.1:0"})
            for _ in range(3):
                job = door.post("/v1/jobs/probe", {"events": 1}).json["id"]
            long_ago = int(time.time() * 1000) - 3600_000
            fleet.redis("ZADD", "{probe.requests}:of:default", f"2{long_ago}00", job)
            probe = {"kind": "probe"}

            def page():
                seen = Page(figures_of(door).get("/metrics").body.decode())
                self.assertEqual(seen.faults, [])
                return seen
            self.assertNotIn("parley_queue_jobs", page().types)
            seen = until(lambda: (p := page()) and "parley_queue_jobs" in p.types and p, "the fleet's figures")
            self.assertEqual(seen["parley_queue_jobs", {**probe, "state": "waiting"}], 3)
            self.assertEqual(seen["parley_queue_jobs", {**probe, "state": "running"}], 0)
            self.assertGreaterEqual(seen["parley_queue_oldest_seconds", probe], 3600)
            self.assertLess(seen["parley_queue_oldest_seconds", probe], 3700)
            fleet.kill_redis()
            self.assertEqual(Page(figures_of(door).get("/metrics").body.decode()).faults, [])
            fleet.start_redis()

    def test_a_worker_shows_its_jobs_and_what_its_calls_cost(self):
        with Fleet() as fleet:
            fleet.rehearsal(QUICK)
            door = fleet.door()
            worker = fleet.worker("debate", env={"PARLEY_METRICS_LISTEN": "127.0.0.1:0"})
            job = door.post("/v1/debate", {"question": "Should we open a second office?"}).json["id"]
            ended = door.finished(job, 60)
            self.assertEqual(ended["status"], "succeeded", ended)
            client = figures_of(worker)

            def page():
                seen = Page(client.get("/metrics").body.decode())
                self.assertEqual(seen.faults, [])
                return seen
            debate = {"kind": "debate"}
            done = ("parley_attempts_ended_total", {**debate, "outcome": "succeeded"})
            seen = until(lambda: (p := page())[done] == 1 and p, "the job is counted")
            self.assertEqual(seen["parley_jobs_claimed_total", debate], 1)
            self.assertEqual(seen["parley_attempts_ended_total"], 1)
            self.assertEqual(seen["parley_provider_calls_total", {"outcome": "ok"}], ended["usage"]["calls"])
            self.assertEqual(seen["parley_provider_tokens_total", {"sort": "output"}], ended["usage"]["output_tokens"])
            self.assertAlmostEqual(seen["parley_provider_cost_usd_total"], ended["usage"]["cost_usd"], delta=0.0001)
            self.assertGreaterEqual(seen["parley_slot_wait_seconds_count"], ended["usage"]["calls"])
            self.assertEqual(seen["parley_build_info", {"program": "parley-worker"}], 1)
            self.assertEqual(client.get("/").status, 404)
            self.assertEqual(client.post("/metrics").status, 405)


TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Traces(unittest.TestCase):
    """One debate worker and a provider that tells which traceparent it was sent."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.provider = cls.fleet.rehearsal(QUICK)
        cls.door, cls.worker = cls.fleet.door(), cls.fleet.worker("debate")

    def debate(self, headers):
        self.provider.request("DELETE", "/stats")
        answer = self.door.post("/v1/debate", {"question": "Should we open a second office?"}, headers)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(self.door.finished(answer.json["id"], 60)["status"], "succeeded")
        sent = [call["traceparent"] for call in self.provider.get("/stats").json["bill"]]
        for text in sent:
            self.assertRegex(text, r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$")
        self.assertEqual(len({text.split("-")[2] for text in sent}), len(sent))
        return answer, sent

    def test_a_client_s_trace_reaches_every_call_to_a_provider_in_spans_of_their_own(self):
        answer, sent = self.debate({"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "rojo=1"})
        self.assertEqual(answer.headers["Trace-Id"], TRACE)
        self.assertGreater(len(sent), 1)
        for text in sent:
            self.assertTrue(text.startswith(f"00-{TRACE}-") and text.endswith("-01"), text)
            self.assertNotIn(PARENT, text)
        kept = self.fleet.redis("HGET", f"job:{answer.json['id']}", "trace")
        self.assertRegex(kept, f"^00-{TRACE}-[0-9a-f]{{16}}-01 rojo=1$")

    def test_without_a_trace_or_with_a_wrong_one_the_job_begins_one(self):
        traces = set()
        for headers in ({}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01"}, {"traceparent": f"ff-{TRACE}-{PARENT}-01"}):
            answer, sent = self.debate(headers)
            trace = answer.headers["Trace-Id"]
            self.assertRegex(trace, r"^[0-9a-f]{32}$")
            self.assertNotEqual(trace, TRACE)
            self.assertEqual({text.split("-")[1] for text in sent}, {trace})
            traces.add(trace)
        self.assertEqual(len(traces), 3)

    def test_door_and_worker_name_the_trace_in_their_lines(self):
        trace = "11" * 16
        answer, _ = self.debate({"traceparent": f"00-{trace}-{PARENT}-00"})
        until(lambda: f"trace={trace}" in self.door.output(), "the request's line")
        lines = [line for line in self.worker.output().splitlines() if f"job={answer.json['id']}" in line]
        self.assertTrue(any("event=job.succeeded" in line and f"trace={trace}" in line for line in lines), lines)


class TracesOfChildren(unittest.TestCase):
    def test_the_parts_of_a_simulation_belong_to_the_trace_of_the_whole(self):
        with Fleet() as fleet:
            door, worker = fleet.door(), fleet.worker("montecarlo", env={"PARLEY_SPLIT_UNITS": "1", "PARLEY_THREADS": "1"})
            body = {"variables": {"x": "1 to 2"}, "outputs": {"y": "2*x"}, "ask": ["y.p5"], "trials": 24 << 20, "seed": "1"}
            job = door.post("/v1/montecarlo", body, {"traceparent": f"00-{TRACE}-{PARENT}-00"}).json["id"]
            self.assertEqual(door.finished(job, 60)["status"], "succeeded")
            started = re.findall(r"event=job.started job=(\w+) attempt=1 trace=(\w+)", worker.output())
            self.assertGreater(len(started), 1)
            self.assertEqual({trace for _, trace in started}, {TRACE})


class Lines(unittest.TestCase):
    def test_every_line_is_a_json_object_and_none_holds_what_is_nobody_s_business(self):
        with Fleet() as fleet:
            fleet.env.update({"PARLEY_LOG_FORMAT": "json", "PARLEY_LOG": "info"})
            fleet.rehearsal(QUICK)
            door, worker = fleet.door(PEPPER), fleet.worker("debate")
            made = fleet.parley("keys", "add", "canary-tenant", env=PEPPER)
            key = made.stdout.strip()
            mine = {"Authorization": f"Bearer {key}"}
            answer = door.post("/v1/debate", {"question": "canary-question?"}, {**mine, "Idempotency-Key": "canary-once"})
            job = answer.json["id"]
            until(lambda: door.get(f"/v1/jobs/{job}", mine).json["status"] == "succeeded", "the debate's end", 60)
            token = door.post(f"/v1/jobs/{job}/token", {}, mine).json["token"]
            with door.stream(f"/v1/jobs/{job}/events?token={token}") as stream:
                stream.rest()
            door.get("/nowhere/canary-path?canary-query=1", mine)
            door.get("/v1/jobs", {"Authorization": "Bearer canary-key"})
            door.get("/v1/jobs", {"Authorization": f"Bearer {key[:-1]}"})
            door.raw(b"CANARY-METHOD / HTTP/1.1\r\n\r\n")
            requests = until(lambda: [r for r in self.lines(door) if r.get("event") == "request"][6:] and self.lines(door),
                             "lines of all requests")
            for process, lines in ((door, requests), (worker, self.lines(worker))):
                said = process.output()
                for secret in ("canary", "CANARY", key.split("_")[2], token, PEPPER["PARLEY_KEY_PEPPER"]):
                    self.assertNotIn(secret, said)
                for line in lines:
                    self.assertLessEqual({"ts", "level", "program", "pid", "event"}, line.keys(), line)
            lines = [line for line in requests if line["event"] == "request"]
            taken = next(line for line in lines if line["status"] == 202)
            self.assertEqual((taken["method"], taken["route"]), ("POST", "/v1/debate"))
            self.assertEqual(taken["trace"], answer.headers["Trace-Id"])
            self.assertGreater(taken["bytes"], len(answer.body))
            self.assertGreaterEqual(taken["ms"], 0)
            self.assertRegex(taken["tenant"], r"^[0-9a-f]{12}$")
            self.assertEqual({line["tenant"] for line in lines if "tenant" in line}, {taken["tenant"]})
            self.assertEqual(len({line["request"] for line in lines}), len(lines))
            stream = next(line for line in lines if line.get("stream") == "true")
            self.assertEqual((stream["route"], stream["status"]), ("/v1/jobs/{id}/events", 200))
            ended = next(line for line in self.lines(worker) if line["event"] == "job.succeeded")
            self.assertEqual((ended["job"], ended["trace"], ended["attempt"]), (job, taken["trace"], 1))

    def lines(self, process):
        """Every line of the process; what a sanitizer says would not be one."""
        return [json.loads(line, object_pairs_hook=self.once) for line in process.output().splitlines()]

    def once(self, pairs):
        self.assertEqual(len({name for name, _ in pairs}), len(pairs), pairs)
        return dict(pairs)


class WhoMaySee(unittest.TestCase):
    def test_figures_for_whoever_comes_are_off_by_default_and_a_public_address_is_warned_of(self):
        with Fleet() as fleet:
            quiet, local = fleet.door(), fleet.door({"PARLEY_METRICS_LISTEN": "[::1]:0"})
            self.assertNotIn("event=metrics", quiet.output())
            figures_of(local)
            self.assertNotIn("event=metrics.public", local.output())
            for process in (fleet.door({"PARLEY_METRICS_LISTEN": "0.0.0.0:0"}),
                            fleet.worker("probe", env={"PARLEY_METRICS_LISTEN": "0.0.0.0:0"})):
                self.assertEqual(figures_of(process).get("/metrics").status, 200)
                self.assertIn("event=metrics.public", process.output())

    def test_where_there_are_keys_the_page_wants_one_with_the_scope_and_names_no_tenant(self):
        with Fleet() as fleet:
            door = fleet.door(PEPPER)

            def key(*arguments):
                made = fleet.parley("keys", "add", *arguments, env=PEPPER)
                self.assertEqual(made.returncode, 0, made.stderr)
                return {"Authorization": f"Bearer {made.stdout.strip()}"}
            client, operator = key("canary-tenant"), key("operators", "--scopes", "metrics")
            self.assertEqual(door.post("/v1/jobs/probe", {"events": 1}, client).status, 202)
            self.assertEqual(door.get("/metrics").status, 401)
            self.assertEqual(door.get("/metrics", client).status, 403)
            seen = door.get("/metrics", operator)
            self.assertEqual(seen.status, 200)
            self.assertNotIn("canary", seen.body.decode())
            page = Page(seen.body.decode())
            self.assertEqual(page["parley_door_refused_total", {"reason": "auth"}], 1)
            self.assertEqual(page["parley_door_refused_total", {"reason": "scope"}], 1)
            self.assertEqual(door.post("/v1/jobs/probe", {"events": 1}, operator).status, 403)


if __name__ == "__main__":
    unittest.main()
