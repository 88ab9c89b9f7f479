"""The two commands of the README, and parley, the command line, against the fleet they start."""
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, PATIENCE, ROOT, Client, until  # noqa: E402

NO_JOB = "0" * 26


def clean_env(**more):
    """Ours without what points at another fleet or at a provider that is paid."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("PARLEY_") and not key.endswith("_API_KEY")}
    env.update(more)
    return env


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Up:
    """A folder and the fleet that tools/up runs in it."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="parley-up-", dir="/tmp"))

    def command(self, *options):
        return [ROOT / "tools/up", "--dir", self.dir, "--build", BUILD, *options]

    def up(self, *options, env=None):
        return subprocess.run(self.command("--detach", *options), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=env or clean_env(), timeout=60 * PATIENCE)

    def down(self):
        return subprocess.run([ROOT / "tools/down", "--dir", self.dir], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60 * PATIENCE)

    def env(self):
        words = shlex.split((self.dir / "env").read_text())
        return dict(word.split("=", 1) for word in words)

    def pid(self, name):
        for line in (self.dir / "pids").read_text().splitlines():
            if line.split()[2] == name:
                return int(line.split()[0])
        raise AssertionError(f"no {name} in {self.dir}/pids")

    def pids(self):
        return [int(line.split()[0]) for line in (self.dir / "pids").read_text().splitlines()]

    def close(self):
        self.down()
        shutil.rmtree(self.dir)


class UpCase(unittest.TestCase):
    def setUp(self):
        self.fleet = Up()
        self.addCleanup(self.fleet.close)

    def check_up(self, *options, **more):
        done = self.fleet.up("--port", "0", *options, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return self.fleet.env()

    def test_env_says_where_everything_is(self):
        env = self.check_up()
        self.assertEqual(sorted(env), ["PARLEY_PIDS", "PARLEY_REDIS", "PARLEY_REHEARSAL_URL", "PARLEY_URL"])
        self.assertEqual([int(pid) for pid in env["PARLEY_PIDS"].split()], self.fleet.pids())
        self.assertTrue(all(map(lives, self.fleet.pids())))
        for url, path in ((env["PARLEY_URL"], "/ready"), (env["PARLEY_REHEARSAL_URL"], "/stats")):
            self.assertEqual(Client(int(url.rpartition(":")[2])).get(path).status, 200)
        config = subprocess.run(["redis-cli", "-s", env["PARLEY_REDIS"], "CONFIG", "GET", "append*"],
                                capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(config[config.index("appendonly") + 1], "yes")
        self.assertEqual(config[config.index("appendfsync") + 1], "always")

    def test_down_stops_all_and_the_next_up_finds_the_data(self):
        url = self.check_up()["PARLEY_URL"]
        job = Client(int(url.rpartition(":")[2])).post("/v1/jobs/probe", {"events": 1}).json["id"]
        pids = self.fleet.pids()
        self.assertEqual(self.fleet.down().returncode, 0)
        self.assertEqual([pid for pid in pids if lives(pid)], [])
        self.assertFalse((self.fleet.dir / "env").exists())
        self.assertEqual(self.fleet.down().returncode, 0)
        url = self.check_up()["PARLEY_URL"]
        door = Client(int(url.rpartition(":")[2]))
        self.assertEqual(door.finished(job)["status"], "succeeded")

    def test_a_second_up_in_the_same_folder_is_refused(self):
        self.check_up()
        pids = self.fleet.pids()
        again = self.fleet.up("--port", "0")
        self.assertEqual(again.returncode, 1)
        self.assertIn("tools/down", again.stderr)
        self.assertTrue(all(map(lives, pids)))

    def test_what_a_crash_left_is_no_hindrance(self):
        self.check_up()
        pids = self.fleet.pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(lives, pids)), "all are dead")
        self.check_up()

    def test_a_port_in_use_is_said_and_nothing_is_left(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            done = self.fleet.up("--port", str(port))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"port {port} is in use", done.stderr)
        self.assertFalse((self.fleet.dir / "pids").exists())

    def test_a_program_that_does_not_start_shows_its_log_and_nothing_is_left(self):
        done = self.fleet.up("--port", "0", env=clean_env(PARLEY_MISSPELT="1"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("PARLEY_MISSPELT", done.stderr)
        self.assertFalse((self.fleet.dir / "pids").exists())

    def test_two_run_side_by_side(self):
        other = Up()
        self.addCleanup(other.close)
        mine = self.check_up()
        done = other.up("--port", "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(mine["PARLEY_URL"], other.env()["PARLEY_URL"])
        self.assertEqual(self.fleet.down().returncode, 0)
        self.assertTrue(all(map(lives, other.pids())))

    def test_wrong_usage_ends_with_2(self):
        self.assertEqual(self.fleet.up("--nonsense").returncode, 2)

    def test_in_the_foreground_it_shows_both_jobs_and_ctrl_c_stops_all(self):
        log = self.fleet.dir / "foreground.log"
        with open(log, "w") as out:
            process = subprocess.Popen(self.fleet.command("--port", "0"), stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, env=clean_env(), start_new_session=True)
        try:
            until(lambda: process.poll() is not None or "press Ctrl-C" in log.read_text(), "both jobs", 120)
            said = log.read_text()
            self.assertIsNone(process.poll(), said)
            self.assertEqual(said.count(" succeeded: "), 2, said)
            self.assertIn("ehearsal", said)
            pids = self.fleet.pids()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30 * PATIENCE)
        self.assertEqual(process.returncode, 130)
        self.assertEqual([pid for pid in pids if lives(pid)], [])


class CommandLineCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Up()
        cls.addClassCleanup(cls.fleet.close)
        done = cls.fleet.up("--port", "0")
        assert done.returncode == 0, done.stdout + done.stderr
        cls.env = cls.fleet.env()

    def start(self, *words, **more):
        return subprocess.Popen([BUILD / "tools/parley", *words], env=clean_env(**self.env, **more),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_it(self, *words, given="", status=0, **more):
        process = self.start(*words, **more)
        said, complained = process.communicate(given, timeout=60 * PATIENCE)
        self.assertEqual(process.returncode, status, said + complained)
        return said if status in (0, 1) else complained

    def submit(self, **request):
        return self.run_it("submit", "probe", given=json.dumps(request)).strip()

    def check_log(self, text, n_events):
        events = [json.loads(line) for line in text.splitlines()]
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[-1]["type"], "job.succeeded")
        self.assertEqual(sum(event["type"] == "job.progress" for event in events), n_events)

    def test_submit_streams_a_job_to_its_end(self):
        said = self.run_it("submit", "probe", "-", "--stream", "--json", given='{"events":7}')
        self.check_log(said, 7)

    def test_submit_reads_a_file_and_prints_the_id(self):
        path = self.fleet.dir / "request.json"
        path.write_text('{"events":2}')
        job = self.run_it("submit", "probe", str(path)).strip()
        self.check_log(self.run_it("watch", job, "--json"), 2)

    def test_the_same_key_is_the_same_job(self):
        words = ("submit", "probe", "--idempotency-key", "one")
        self.assertEqual(self.run_it(*words, given='{"events":1}'), self.run_it(*words, given='{"events":1}'))
        self.assertIn("idempotency_key_reuse", self.run_it(*words, given='{"events":2}', status=4))

    def test_watch_begins_where_it_is_told(self):
        job = self.submit(events=3)
        whole = self.run_it("watch", job, "--json").splitlines()
        for after in range(len(whole)):
            self.assertEqual(self.run_it("watch", job, "--after", str(after), "--json").splitlines(), whole[after:])
        self.assertEqual(self.run_it("watch", job, "--after", str(len(whole)), "--json"), "")
        self.assertIn("cursor_ahead", self.run_it("watch", job, "--after", str(len(whole) + 1), status=4))

    def test_a_door_that_dies_and_comes_back_costs_nothing(self):
        env = clean_env(PARLEY_REDIS=self.env["PARLEY_REDIS"],
                        PARLEY_LISTEN=self.env["PARLEY_URL"].removeprefix("http://"))
        watching = self.start("submit", "probe", "--stream", "--json")
        watching.stdin.write('{"events":40,"delay_ms":50}')
        watching.stdin.close()
        first = [watching.stdout.readline() for _ in range(5)]
        old = self.fleet.pid("door")
        os.kill(old, signal.SIGKILL)
        until(lambda: not lives(old), "the door is dead")
        with open(self.fleet.dir / "logs/door-2.log", "w") as log:
            door = subprocess.Popen([BUILD / "parley-door"], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.addClassCleanup(door.wait)
        self.addClassCleanup(door.terminate)
        rest = watching.stdout.read()
        complained = watching.stderr.read()
        watching.stdout.close()
        watching.stderr.close()
        self.assertEqual(watching.wait(60), 0, complained)
        self.check_log("".join(first) + rest, 40)

    def test_cancel_ends_a_job_and_the_watcher_says_so(self):
        job = self.submit(events=1000, delay_ms=100)
        watching = self.start("watch", job, "--json")
        watching.stdout.readline()
        self.assertIn(job, self.run_it("cancel", job, "--reason", "enough"))
        said, complained = watching.communicate(timeout=60 * PATIENCE)
        self.assertEqual(watching.returncode, 1, complained)
        self.assertEqual(json.loads(said.splitlines()[-1])["type"], "job.cancelled")
        self.run_it("cancel", job)

    def test_interrupting_a_watcher_leaves_the_job_alone(self):
        job = self.submit(events=30, delay_ms=50)
        watching = self.start("watch", job)
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, complained = watching.communicate(timeout=60 * PATIENCE)
        self.assertEqual(watching.returncode, 130)
        self.assertIn(f"parley watch {job} --after", complained)
        self.run_it("watch", job)

    def test_show_and_ls_print_what_the_door_says(self):
        job = self.submit(events=1)
        self.run_it("watch", job)
        shown = json.loads(self.run_it("show", job, "--json"))
        self.assertEqual((shown["id"], shown["status"]), (job, "succeeded"))
        self.assertIn("status: succeeded", self.run_it("show", job))
        self.assertIn(job, [row["id"] for row in json.loads(self.run_it("ls", "--json"))["jobs"]])
        self.assertIn(job, self.run_it("ls"))
        self.assertEqual(len(json.loads(self.run_it("ls", "--json", "--limit", "1"))["jobs"]), 1)

    def test_queues_agree_with_redis(self):
        running = self.submit(events=1000, delay_ms=100)

        def probes():
            rows = map(json.loads, self.run_it("queues", "--json").splitlines())
            return next(row for row in rows if row["kind"] == "probe")
        row = until(lambda: (row := probes())["running"] > 0 and row, "the job runs")
        self.assertEqual(row["waiting"], row["open"] - row["running"])
        self.assertEqual(sum(row["workers"].values()), row["running"])
        length = subprocess.run(["redis-cli", "-s", self.env["PARLEY_REDIS"], "XLEN", "probe.requests"],
                                capture_output=True, text=True, check=True).stdout
        self.assertEqual(int(length), row["open"])
        self.run_it("cancel", running)
        until(lambda: probes()["open"] < row["open"], "the job is gone")

    def test_a_refusal_says_what_is_wrong(self):
        self.assertIn("/evnts", self.run_it("submit", "probe", given='{"evnts":1}', status=4))
        self.assertIn("/evnts", self.run_it("submit", "probe", "--stream", given='{"evnts":1}', status=4))
        self.assertIn("unknown_kind", self.run_it("submit", "nonsense", given="{}", status=4))
        self.assertIn("unknown_job", self.run_it("show", NO_JOB, status=4))
        self.assertIn("unknown_job", self.run_it("watch", NO_JOB, status=4))

    def test_without_a_server_the_status_is_3(self):
        nobody = {"PARLEY_URL": "http://127.0.0.1:1"}
        env = {**self.env, **nobody}
        for words in (["ls"], ["watch", NO_JOB], ["submit", "probe"]):
            ended = subprocess.run([BUILD / "tools/parley", *words], env=clean_env(**env), input="{}",
                                   capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, 3, ended.stderr)

    def test_every_command_has_its_help(self):
        for name in ("submit", "watch", "show", "ls", "cancel", "queues", "why", "top", "limits"):
            self.assertIn("Usage: parley " + name, self.run_it(name, "--help"))
        self.run_it("nonsense", status=2)
        self.run_it("show", status=2)


if __name__ == "__main__":
    unittest.main()
