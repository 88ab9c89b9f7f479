"""How often: rates of tenants and addresses; and pages of other origins (CORS)."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

PEPPER = {"PARLEY_KEY_PEPPER": "0123456789abcdef0123456789abcdef-for-tests"}
PAGE = "https://app.example"
QUESTION = {"question": "Should we open a second office?"}


class LimitsCase(unittest.TestCase):
    env = {**PEPPER, "PARLEY_TRUSTED_PROXIES": "127.0.0.0/8, 10.0.0.0/8", "PARLEY_ADDRESS_RATE": "3",
           "PARLEY_CORS_ORIGINS": f"{PAGE}, http://localhost:3000"}

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.doors = [cls.fleet.door(cls.env), cls.fleet.door(cls.env)]
        cls.door = cls.doors[0]

    def setUp(self):
        self.fleet.redis("FLUSHDB")

    def key(self, tenant):
        made = self.fleet.parley("keys", "add", tenant, env=PEPPER)
        self.assertEqual(made.returncode, 0, made.stderr)
        return {"Authorization": f"Bearer {made.stdout.strip()}"}

    def burst(self, n, path, body, headers):
        """So many submissions, over both doors; what is left when Redis' clock goes on is not counted on."""
        return [self.doors[i % 2].post(path, body, headers) for i in range(n)]


class Tenants(LimitsCase):
    def test_boardrooms_are_limited_over_all_doors_and_the_answer_says_when_to_come_back(self):
        key = self.key("acme")
        answers = self.burst(30, "/v1/boardroom", QUESTION, key)
        taken = [a for a in answers if a.status == 202]
        refused = [a for a in answers if a.status == 429]
        self.assertEqual(len(taken) + len(refused), 30)
        self.assertGreaterEqual(len(taken), 4)
        self.assertGreater(len(refused), 0)
        self.assertEqual(self.fleet.xlen("debate"), len(taken))
        self.assertEqual(answers[0].headers["RateLimit-Policy"], '"boardroom";q=4;w=2')
        self.assertRegex(answers[0].headers["RateLimit"], r'^"boardroom";r=3;t=1$')
        problem = refused[0].json
        self.assertEqual((problem["code"], problem["retryable"]), ("rate_limited", True))
        self.assertEqual(refused[0].headers["Retry-After"], "1")
        self.assertEqual(len(refused[0].headers.get_all("Retry-After")), 1)
        self.assertRegex(refused[0].headers["RateLimit"], r'^"boardroom";r=0;t=1$')

    def test_the_limit_is_the_format_s_whatever_the_address(self):
        key = self.key("acme")
        first = self.door.post("/v1/jobs/debate", {**QUESTION, "format": "boardroom"}, key)
        self.assertIn("boardroom", first.headers["RateLimit"])
        standard = self.door.post("/v1/debate", QUESTION, key)
        self.assertIn('"standard";q=20;w=2', standard.headers["RateLimit-Policy"])
        unlimited = self.door.post("/v1/jobs/probe", {"events": 1}, key)
        self.assertEqual(unlimited.status, 202)
        self.assertIsNone(unlimited.headers["RateLimit"])

    def test_a_tenant_may_have_rates_of_its_own_from_the_next_request_on(self):
        key, other = self.key("acme"), self.key("globex")
        self.assertIn('q=4;w=2', self.door.post("/v1/boardroom", QUESTION, key).headers["RateLimit-Policy"])
        done = self.fleet.parley("tenants", "set", "acme", "--rate", "debate.boardroom=0.1/9, debate.standard=off", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = self.door.post("/v1/boardroom", QUESTION, key)
        self.assertEqual(answer.headers["RateLimit-Policy"], '"boardroom";q=9;w=90')
        self.assertIsNone(self.door.post("/v1/debate", QUESTION, key).headers["RateLimit"])
        self.assertIn('q=4;w=2', self.door.post("/v1/boardroom", QUESTION, other).headers["RateLimit-Policy"])
        refused = [a for a in self.burst(12, "/v1/boardroom", QUESTION, key) if a.status == 429]
        self.assertGreaterEqual(len(refused), 3)
        self.assertGreater(int(refused[-1].headers["Retry-After"]), 0)
        self.assertRegex(refused[-1].headers["RateLimit"], r'^"boardroom";r=0;t=\d+$')
        self.assertIn("debate.boardroom=0.1/9", self.fleet.parley("tenants").stdout)
        self.fleet.parley("tenants", "set", "acme", "--rate", "debate.boardroom=default")
        self.assertIn('q=4;w=2', self.door.post("/v1/boardroom", QUESTION, key).headers["RateLimit-Policy"])
        self.assertIn("debate.standard=off", self.fleet.parley("tenants").stdout)

    def test_a_rate_that_no_kind_has_or_that_is_none_is_refused_and_nothing_is_set(self):
        for text in ("debate.committee=5", "debate=5", "debate.boardroom", "debate.boardroom=", "debate.boardroom=-1",
                     "debate.boardroom=5/0", "debate.boardroom=5/x", "debate.boardroom=5,probe.x=1", "debate.boardroom=1e9"):
            with self.subTest(text):
                done = self.fleet.parley("tenants", "set", "acme", "--rate", text)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn("--rate", done.stderr)
        self.assertEqual(self.fleet.redis("EXISTS", "tenant:acme"), 0)

    def test_one_tenant_s_flood_costs_another_nothing(self):
        flood, calm = self.key("acme"), self.key("globex")
        self.assertIn(429, [a.status for a in self.burst(30, "/v1/boardroom", QUESTION, flood)])
        self.assertEqual(self.door.post("/v1/boardroom", QUESTION, calm).status, 202)

    def test_who_waited_as_told_is_taken(self):
        key = self.key("acme")
        self.assertIn(429, [a.status for a in self.burst(30, "/v1/boardroom", QUESTION, key)])
        until(lambda: self.door.post("/v1/boardroom", QUESTION, key).status == 202, "there is room again")

    def test_an_invalid_request_takes_nothing_from_the_bucket(self):
        key = self.key("acme")
        for _ in range(30):
            self.assertEqual(self.door.post("/v1/boardroom", {"question": 5}, key).status, 422)
        self.assertEqual(self.door.post("/v1/boardroom", QUESTION, key).headers["RateLimit"], '"boardroom";r=3;t=1')


class Addresses(LimitsCase):
    def flood(self, key, forwarded):
        return [a.status for a in self.burst(60, "/v1/jobs/probe", {"events": 1}, {**key, "X-Forwarded-For": forwarded})]

    def test_an_address_behind_a_trusted_proxy_has_its_own_rate(self):
        key = self.key("acme")
        self.assertIn(429, self.flood(key, "192.0.2.1"))
        self.assertEqual(self.door.post("/v1/jobs/probe", {"events": 1}, {**key, "X-Forwarded-For": "192.0.2.2"}).status, 202)

    def test_what_a_client_writes_into_the_field_itself_changes_nothing(self):
        key = self.key("acme")
        answers = [self.doors[i % 2].post("/v1/jobs/probe", {"events": 1},
                                          {**key, "X-Forwarded-For": f"198.51.100.{i}, 192.0.2.1, 10.0.0.7"}).status
                   for i in range(60)]
        self.assertIn(429, answers)

    def test_loopback_is_not_limited(self):
        key = self.key("acme")
        self.assertEqual({a.status for a in self.burst(30, "/v1/jobs/probe", {"events": 1}, key)}, {202})


class Pages(LimitsCase):
    def test_a_preflight_from_an_allowed_page_says_what_it_may(self):
        for origin in (PAGE, "http://localhost:3000"):
            answer = self.door.request("OPTIONS", "/v1/debate", None, {
                "Origin": origin, "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type"})
            self.assertEqual(answer.status, 204, answer)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], origin)
            self.assertIn("POST", answer.headers["Access-Control-Allow-Methods"])
            for field in ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"):
                self.assertIn(field, answer.headers["Access-Control-Allow-Headers"])
            self.assertEqual(answer.headers["Vary"], "Origin")

    def test_other_pages_are_never_named(self):
        for origin in ("https://evil.example", "null", "https://app.example.evil.example", "https://app.example:444",
                       "http://app.example", "https://APP.example", "https://xapp.example"):
            with self.subTest(origin):
                answer = self.door.request("OPTIONS", "/v1/debate", None,
                                           {"Origin": origin, "Access-Control-Request-Method": "POST"})
                self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
                self.assertIsNone(answer.headers["Access-Control-Allow-Methods"])
                self.assertEqual(answer.headers["Vary"], "Origin")
                key = self.key("acme" if origin == "null" else f"t{abs(hash(origin)) % 100000}")
                refused = self.door.post("/v1/jobs/probe", {"events": 1}, {**key, "Origin": origin})
                self.assertEqual((refused.status, refused.json["code"]), (403, "forbidden"))
        self.assertEqual(self.fleet.xlen("probe"), 0)

    def test_answers_streams_and_errors_carry_the_same_fields(self):
        key = self.key("acme")
        page = {**key, "Origin": PAGE}
        made = self.door.post("/v1/jobs/probe", {"events": 1}, page)
        job = made.json["id"]
        with self.door.stream(f"/v1/jobs/{job}/events", headers=page) as stream:
            found = [made, stream, self.door.get("/v1/jobs/nonsense", page), self.door.get("/health", page),
                     self.door.get("/v1/jobs", {"Origin": PAGE})]
            for answer in found:
                self.assertEqual(answer.headers["Access-Control-Allow-Origin"], PAGE)
                self.assertIn("Location", answer.headers["Access-Control-Expose-Headers"])
                self.assertEqual(answer.headers["Vary"], "Origin")
                self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
                self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
                self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])

    def test_a_page_of_the_door_s_own_host_may(self):
        answer = self.door.post("/v1/jobs/probe", {"events": 1}, {**self.key("acme"), "Origin": self.door.url})
        self.assertEqual(answer.status, 202)

    def test_options_names_the_methods_of_an_address(self):
        self.assertEqual(self.door.request("OPTIONS", "/v1/jobs").headers["Allow"], "GET, HEAD, OPTIONS")
        self.assertEqual(self.door.request("OPTIONS", "/nothing").status, 404)


class Starting(unittest.TestCase):
    def test_settings_that_cannot_be_meant_stop_the_start(self):
        for key, value, words in (("PARLEY_CORS_ORIGINS", "*", "origin"), ("PARLEY_CORS_ORIGINS", "https://app.example/", "origin"),
                                  ("PARLEY_CORS_ORIGINS", "null", "origin"), ("PARLEY_TRUSTED_PROXIES", "proxy.example", "network"),
                                  ("PARLEY_TRUSTED_PROXIES", "10.0.0.0/33", "network")):
            with self.subTest(value), Fleet() as fleet:
                with self.assertRaises(AssertionError) as refused:
                    fleet.door({key: value})
                self.assertIn("ended with 78", str(refused.exception))
                self.assertIn(words, str(refused.exception))
                fleet.processes = [p for p in fleet.processes if p.name.startswith("redis")]


if __name__ == "__main__":
    unittest.main()
