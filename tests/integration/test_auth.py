"""Who may: API keys, scopes, tenants that see nothing of each other, revoking and rotating."""
import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, Fleet, until  # noqa: E402

PEPPER = "0123456789abcdef0123456789abcdef-for-tests"
WITH_PEPPER = {"PARLEY_KEY_PEPPER": PEPPER}
KEY = re.compile(r"parley_[0-9a-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def id_of(key):
    return key.split("_")[1]


class AuthCase(unittest.TestCase):
    """Two doors with a pepper on one Redis, no worker."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door, cls.other = cls.fleet.door(WITH_PEPPER), cls.fleet.door(WITH_PEPPER)

    def setUp(self):
        self.fleet.redis("FLUSHDB")

    def keys(self, *arguments, env=None):
        return self.fleet.parley("keys", *arguments, env={**WITH_PEPPER, **(env or {})})

    def key(self, tenant="acme", *arguments):
        made = self.keys("add", tenant, *arguments)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertRegex(made.stdout.strip(), KEY)
        return made.stdout.strip()

    def submit(self, key, door=None):
        answer = (door or self.door).post("/v1/jobs/probe", {"events": 1}, bearer(key))
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def assert_refused(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.json["code"], code)
        self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer realm="), answer.headers)


class Keys(AuthCase):
    def test_a_key_is_shown_once_and_only_its_hash_is_kept(self):
        key = self.key()
        stored = "".join(str(self.fleet.redis("HGETALL", name)) for name in self.fleet.redis("KEYS", "key:*"))
        self.assertIn("acme", stored)
        self.assertNotIn(key.split("_")[2], stored)
        shown = self.keys("ls")
        self.assertIn(id_of(key), shown.stdout)
        self.assertNotIn(key.split("_")[2], shown.stdout)

    def test_without_a_key_or_with_a_wrong_one_the_answer_is_401_and_says_how(self):
        key = self.key()
        spoilt = key[:-8] + ("A" if key[-8] != "A" else "B") + key[-7:]
        for name, headers in (
            ("no key", {}), ("an empty one", {"Authorization": "Bearer "}), ("another scheme", {"Authorization": f"Basic {key}"}),
            ("a mistyped key", bearer(spoilt)), ("a key cut short", bearer(key[:-1])), ("two at once", bearer(f"{key}, Bearer {key}")),
            ("a key nobody made", bearer("parley_" + "0" * 12 + "_" + "0" * 43 + "_000000")),
        ):
            with self.subTest(name):
                answer = self.door.post("/v1/jobs/probe", {}, headers)
                self.assert_refused(answer, 401, "unauthorized")
        self.assertEqual(self.fleet.xlen("probe"), 0)

    def test_a_key_made_with_another_pepper_opens_nothing(self):
        made = self.keys("add", "acme", env={"PARLEY_KEY_PEPPER": "x" * 40})
        self.assert_refused(self.door.get("/v1/jobs", bearer(made.stdout.strip())), 401, "unauthorized")

    def test_health_and_readiness_need_no_key(self):
        for path in ("/health", "/api/health", "/ready"):
            self.assertEqual(self.door.get(path).status, 200)

    def test_every_other_address_needs_one(self):
        job = "0" * 26
        for method, path in (("GET", "/v1/jobs"), ("GET", f"/v1/jobs/{job}"), ("GET", f"/v1/jobs/{job}/events"),
                             ("POST", f"/v1/jobs/{job}/cancel"), ("POST", "/v1/jobs/probe"), ("POST", "/v1/debate"),
                             ("POST", "/v1/boardroom"), ("POST", "/v1/montecarlo"), ("POST", "/api/predict"),
                             ("POST", "/predict"), ("HEAD", "/v1/jobs"), ("GET", "/metrics")):
            with self.subTest(f"{method} {path}"):
                self.assertEqual(self.door.request(method, path, {} if method == "POST" else None).status, 401)

    def test_a_key_does_only_what_its_scopes_say(self):
        reader, writer = self.key("acme", "--scopes", "read", "--name", "r"), self.key("acme", "--scopes", "submit", "--name", "w")
        job = self.submit(writer)
        self.assertEqual(self.door.get(f"/v1/jobs/{job}", bearer(reader)).status, 200)
        for key, method, path, scope in ((reader, "POST", "/v1/jobs/probe", "submit"), (writer, "GET", f"/v1/jobs/{job}", "read"),
                                         (writer, "GET", f"/v1/jobs/{job}/events", "read"),
                                         (reader, "POST", f"/v1/jobs/{job}/cancel", "cancel")):
            with self.subTest(f"{method} {path}"):
                answer = self.door.request(method, path, {} if method == "POST" else None, bearer(key))
                self.assert_refused(answer, 403, "forbidden")
                self.assertIn(f'scope="{scope}"', answer.headers["WWW-Authenticate"])

    def test_the_command_line_shows_its_key_to_the_door(self):
        key = self.key()
        env = {"PARLEY_API_KEY": key}
        self.assertEqual(self.fleet.parley("ls", door=self.door).returncode, 4)
        job = self.submit(key)
        self.assertIn(job, self.fleet.parley("ls", door=self.door, env=env).stdout)
        cancelled = self.fleet.parley("cancel", job, door=self.door, env=env)
        self.assertEqual(cancelled.returncode, 0, cancelled.stderr)
        self.assertIn("job.cancelled", self.fleet.parley("watch", job, "--json", door=self.door, env=env).stdout)

    def test_a_key_ends_at_its_time(self):
        key = self.key("acme", "--expires", "1s")
        self.assertEqual(self.door.get("/v1/jobs", bearer(key)).status, 200)
        until(lambda: self.door.get("/v1/jobs", bearer(key)).status == 401, "the key has expired")


class Revoking(AuthCase):
    def test_a_revoked_key_is_refused_at_every_door_at_once_and_its_streams_end(self):
        key, kept = self.key("acme", "--name", "a"), self.key("acme", "--name", "b")
        job = self.submit(key)
        self.submit(key, self.other)
        with self.door.stream(f"/v1/jobs/{job}/events", headers=bearer(key)) as ended, \
                self.door.stream(f"/v1/jobs/{job}/events", headers=bearer(kept)) as going:
            self.assertEqual(ended.next()["type"], "job.queued")
            self.assertEqual(going.next()["type"], "job.queued")
            self.assertEqual(self.keys("revoke", id_of(key)).returncode, 0)
            last = ended.next()
            self.assertEqual((last["type"], last["reason"]), ("stream.closed", "revoked"))
            self.assertIsNone(ended.next())
            for door in (self.door, self.other):
                until(lambda door=door: door.get("/v1/jobs", bearer(key)).status == 401, "the key is refused", 5)
            self.assertEqual(self.door.post(f"/v1/jobs/{job}/cancel", headers=bearer(kept)).status, 200)
            self.assertEqual(going.rest()[-1]["type"], "job.cancelled")

    def test_the_streams_of_a_key_end_when_the_key_does(self):
        key = self.key("acme", "--expires", "3s")
        job = self.submit(key)
        with self.door.stream(f"/v1/jobs/{job}/events", headers=bearer(key)) as stream:
            self.assertEqual(stream.next()["type"], "job.queued")
            last = stream.next()
            self.assertEqual((last["type"], last["reason"], last["after"]), ("stream.closed", "revoked", 1))
            self.assertIsNone(stream.next())

    def test_a_stream_ends_also_when_the_word_that_its_key_is_gone_was_lost(self):
        key = self.key()
        job = self.submit(key)
        with self.door.stream(f"/v1/jobs/{job}/events", headers=bearer(key)) as stream:
            self.assertEqual(stream.next()["type"], "job.queued")
            self.fleet.redis("DEL", f"key:{id_of(key)}")
            self.fleet.redis("CLIENT", "KILL", "TYPE", "pubsub")
            self.assertEqual(stream.next()["reason"], "revoked")

    def test_rotating_leaves_two_good_keys_until_the_old_one_ends(self):
        old = self.key()
        made = self.keys("rotate", id_of(old), "--grace", "2s")
        new = made.stdout.strip()
        self.assertRegex(new, KEY)
        job = self.submit(new)
        self.assertEqual(self.door.get(f"/v1/jobs/{job}", bearer(old)).status, 200)
        third = self.keys("rotate", id_of(new))
        self.assertEqual(third.returncode, 4)
        self.assertIn("two live keys", third.stderr)
        until(lambda: self.door.get("/v1/jobs", bearer(old)).status == 401, "the old key ends")
        self.assertEqual(self.door.get(f"/v1/jobs/{job}", bearer(new)).status, 200)
        self.assertEqual(self.keys("rotate", id_of(new)).returncode, 0)

    def test_a_second_key_of_a_name_is_refused(self):
        self.key()
        again = self.keys("add", "acme")
        self.assertEqual(again.returncode, 4)
        self.assertIn("rotate", again.stderr)

    def test_when_redis_is_away_nobody_is_let_in_on_old_knowledge_for_long(self):
        with Fleet() as fleet:
            door = fleet.door(WITH_PEPPER)
            key = fleet.parley("keys", "add", "acme", env=WITH_PEPPER).stdout.strip()
            fleet.kill_redis()
            answer = door.get("/v1/jobs", bearer(key))
            self.assertEqual(answer.status, 503, answer)


class Tenants(AuthCase):
    def test_what_one_tenant_has_is_nowhere_for_another(self):
        mine, theirs = self.key("acme"), self.key("globex")
        job, nothing = self.submit(mine), "0" * 26
        for method, path in (("GET", "/v1/jobs/{}"), ("GET", "/v1/jobs/{}/events"), ("HEAD", "/v1/jobs/{}/events"),
                             ("POST", "/v1/jobs/{}/cancel")):
            with self.subTest(f"{method} {path}"):
                foreign = self.door.request(method, path.format(job), None, bearer(theirs))
                unknown = self.door.request(method, path.format(nothing), None, bearer(theirs))
                self.assertEqual(foreign.status, 404)
                bodies = [re.sub(rb'"request_id":"[^"]*"', b"", answer.body) for answer in (foreign, unknown)]
                self.assertEqual(bodies[0], bodies[1])
        self.assertEqual(self.door.get("/v1/jobs", bearer(theirs)).json["jobs"], [])
        self.assertEqual([found["id"] for found in self.door.get("/v1/jobs", bearer(mine)).json["jobs"]], [job])
        self.assertEqual(self.door.get(f"/v1/jobs/{job}", bearer(mine)).json["status"], "queued")

    def test_the_same_idempotency_key_of_two_tenants_is_two_jobs(self):
        jobs = set()
        for tenant in ("acme", "globex"):
            answer = self.door.post("/v1/jobs/probe", {"events": 1}, {**bearer(self.key(tenant)), "Idempotency-Key": "k"})
            self.assertEqual(answer.status, 202, answer)
            jobs.add(answer.json["id"])
        self.assertEqual(len(jobs), 2)

    def test_a_foreign_reader_of_a_watched_job_gets_nothing(self):
        mine, theirs = self.key("acme"), self.key("globex")
        job = self.submit(mine)
        with self.door.stream(f"/v1/jobs/{job}/events", headers=bearer(mine)) as stream:
            self.assertEqual(stream.next()["seq"], 1)
            self.assertEqual(self.door.get(f"/v1/jobs/{job}/events", bearer(theirs)).status, 404)
            self.assertEqual(self.door.post(f"/v1/jobs/{job}/cancel", headers=bearer(mine)).status, 200)
            self.assertEqual(stream.next()["type"], "job.cancelled")


class Starting(unittest.TestCase):
    def start(self, fleet, **env):
        return subprocess.run([BUILD / "parley-door"], env={"PARLEY_REDIS": str(fleet.socket), **env}, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_beyond_loopback_it_needs_a_pepper_and_a_short_one_is_none(self):
        with Fleet() as fleet:
            open_door = self.start(fleet, PARLEY_LISTEN="0.0.0.0:0")
            self.assertEqual(open_door.returncode, 78)
            self.assertIn("no API keys", open_door.stderr)
            weak = self.start(fleet, PARLEY_LISTEN="0.0.0.0:0", PARLEY_KEY_PEPPER="secret")
            self.assertEqual(weak.returncode, 78)
            self.assertIn("32 bytes", weak.stderr)
            door = fleet.door({"PARLEY_LISTEN": "0.0.0.0:0", **WITH_PEPPER})
            self.assertEqual(door.get("/v1/jobs").status, 401)

    def test_a_door_that_lost_its_pepper_serves_nothing_rather_than_everybody(self):
        with Fleet() as fleet:
            door = fleet.door(WITH_PEPPER)
            self.assertEqual(fleet.parley("keys", "add", "acme", env=WITH_PEPPER).returncode, 0)
            naked = fleet.door(ready=False)
            answer = until(lambda: (a := naked.get("/v1/jobs")) and "pepper" in a.json["detail"] and a, "the keys are seen")
            self.assertEqual(answer.status, 503, answer)
            ready = naked.get("/ready")
            self.assertIn("pepper", ready.json["detail"])
            self.assertEqual((ready.status, naked.get("/health").status), (503, 200))
            self.assertEqual(naked.get("/metrics").status, 503)
            self.assertEqual(door.get("/v1/jobs").status, 401)

    def test_a_key_cannot_be_made_without_the_pepper(self):
        with Fleet() as fleet:
            fleet.door()
            made = fleet.parley("keys", "add", "acme")
            self.assertEqual(made.returncode, 2)
            self.assertIn("PARLEY_KEY_PEPPER", made.stderr)

    def test_nothing_secret_is_logged(self):
        with Fleet() as fleet:
            door = fleet.door(WITH_PEPPER)
            key = fleet.parley("keys", "add", "acme", env=WITH_PEPPER).stdout.strip()
            hashes = [fleet.redis("HGET", name, "hash") for name in fleet.redis("KEYS", "key:*")]
            spoilt = key[:30] + ("A" if key[30] != "A" else "B") + key[31:]
            for headers in (bearer(key), bearer(spoilt), {}):
                door.get("/v1/jobs", headers)
                door.post("/v1/jobs/probe", {"nonsense": 1}, headers)
            self.assertEqual(door.terminate(), 0)
            log = door.output()
            for secret in (PEPPER, key, key.split("_")[2], spoilt, *hashes):
                self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main()
