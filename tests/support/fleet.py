"""A fleet of its own for a test: a real Redis, doors, workers and the rehearsal provider in one folder.

    with Fleet() as fleet:
        door = fleet.door()
        fleet.worker("probe")
        answer = door.post("/v1/jobs/probe", {"events": 5})

Everything is started on a unix socket or on port 0, so that many fleets run side by side, and stopped by its
process id. Programs come from the build folder named by PARLEY_BUILD (default: build/ of this tree). A
test waits for conditions with until(), never for time to pass.
"""
import fcntl
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PARLEY_BUILD", ROOT / "build"))
START_S = 20
STOP_S = 15
# Sanitizers and valgrind slow everything down; bounds on time are multiplied by this.
PATIENCE = float(os.environ.get("PARLEY_TEST_PATIENCE", "1"))


def until(condition, what, seconds=15):
    """Turns until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


class Answer:
    """One HTTP answer, read to its end."""

    def __init__(self, response, body, seconds):
        self.status, self.headers, self.body, self.seconds = response.status, response.headers, body, seconds

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"

    @property
    def json(self):
        return json.loads(self.body)


class Stream:
    """An open stream of events: SSE or NDJSON, read item by item."""

    def __init__(self, connection, response):
        self.connection, self.response = connection, response
        self.status, self.headers = response.status, response.headers
        self.sse = "event-stream" in (response.headers.get("Content-Type") or "")
        self.comments = 0
        self.retry = None
        self.raw = []  # the JSON texts as they came

    def _line(self):
        line = self.response.readline()
        return None if line == b"" else line.rstrip(b"\n").decode()

    def next(self):
        """The next item as a dict (with "id" and "event" of an SSE event under "_id" and "_event"), None at the end."""
        return self._next_sse() if self.sse else self._next_line()

    def _next_line(self):
        while True:
            line = self._line()
            if line is None:
                return None
            if line:
                self.raw.append(line)
                return json.loads(line)
            self.comments += 1

    def _next_sse(self):
        fields = {}
        while True:
            line = self._line()
            if line is None:
                return None
            if line.startswith(":"):
                self.comments += 1
            elif line == "":
                if "data" in fields:
                    self.raw.append(fields["data"])
                    item = json.loads(fields["data"])
                    item["_id"], item["_event"] = fields.get("id"), fields.get("event")
                    return item
                fields = {}
            else:
                name, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if name == "retry":
                    self.retry = int(value)
                else:
                    fields[name] = value

    def take(self, n):
        items = []
        while len(items) < n:
            item = self.next()
            assert item is not None, f"the stream ended after {len(items)} of {n} events"
            items.append(item)
        return items

    def rest(self):
        items = []
        while True:
            item = self.next()
            if item is None:
                return items
            items.append(item)

    def close(self):
        self.response.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client:
    """HTTP requests to one address, each on a connection of its own."""

    def __init__(self, port, host="127.0.0.1"):
        self.host, self.port = host, port
        self.url = f"http://{host}:{port}"

    def _send(self, method, path, body, headers, timeout):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers={k: v for k, v in headers.items() if v is not None})
        return connection, connection.getresponse()

    def request(self, method, path, body=None, headers=None, timeout=30):
        begun = time.monotonic()
        connection, response = self._send(method, path, body, headers, timeout)
        try:
            return Answer(response, response.read(), time.monotonic() - begun)
        finally:
            connection.close()

    def get(self, path, headers=None, timeout=30):
        return self.request("GET", path, None, headers, timeout)

    def post(self, path, body=None, headers=None, timeout=30):
        return self.request("POST", path, body, headers, timeout)

    def stream(self, path, body=None, headers=None, accept="text/event-stream", timeout=30, method=None):
        """GET, or POST when there is a body. The stream, or an AssertionError with the answer."""
        headers = {"Accept": accept, **(headers or {})}
        connection, response = self._send(method or ("GET" if body is None else "POST"), path, body, headers, timeout)
        if response.status != 200:
            raise AssertionError(f"{path}: {Answer(response, response.read(), 0)!r}")
        return Stream(connection, response)

    def raw(self, data, timeout=30):
        """Sends bytes as they are, returns all that comes back until the door closes."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            got = b""
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return got
                got += piece

    def events(self, job, after=0):
        """The whole log after a cursor, up to the job's end."""
        with self.stream(f"/v1/jobs/{job}/events?after={after}", accept="application/x-ndjson") as stream:
            return stream.rest()

    def finished(self, job, seconds=30):
        """Waits for the job's end and returns its object."""
        def ended():
            found = self.get(f"/v1/jobs/{job}").json
            return found if found.get("status") in ("succeeded", "failed", "cancelled", "expired") else None
        return until(ended, f"the end of job {job}", seconds)


class Process:
    """A program of the fleet. Its output is in `log`."""

    def __init__(self, fleet, name, arguments, env, ready=None, pass_fds=()):
        self.name, self.log = name, fleet.dir / f"{name}.log"
        self.listener = None
        full = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY_") and k != "NOTIFY_SOCKET"}
        full.update(fleet.env)
        full.update(env or {})
        if ready == "notify":
            address = str(fleet.dir / f"{name}.notify")
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.listener.bind(address)
            self.listener.settimeout(0.02)
            full["NOTIFY_SOCKET"] = address
        full = {k: str(v) for k, v in full.items() if v is not None}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(a) for a in arguments], env=full, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True, pass_fds=pass_fds)
        self.pid = self.process.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def check(self):
        """Fails when the process has ended."""
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.output()[-3000:]}")
        return True

    def notification(self):
        """The next thing it told systemd (sd_notify), None when nothing came for a moment."""
        try:
            return self.listener.recv(4096).decode()
        except socket.timeout:
            return None

    def notified(self):
        """Whether it says READY=1 now."""
        self.check()
        return "READY=1" in (self.notification() or "")

    def send(self, signum):
        self.process.send_signal(signum)

    def kill(self):
        """kill -9, and the corpse is buried."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(STOP_S)
        return self.process.returncode

    def terminate(self):
        """SIGTERM and the exit status; kill -9 when it does not go."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()

    def wait(self, seconds=STOP_S):
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)
            raise AssertionError(f"{self.name} did not stop:\n{self.output()[-3000:]}") from None

    def close(self):
        if self.listener:
            self.listener.close()


class Door(Process, Client):
    def __init__(self, fleet, name, env=None):
        port_file = fleet.dir / f"{name}.port"
        port_file.unlink(missing_ok=True)
        Process.__init__(self, fleet, name, [BUILD / "parley-door"],
                         {"PARLEY_LISTEN": "127.0.0.1:0", "PARLEY_PORT_FILE": port_file, **(env or {})})
        try:
            until(lambda: self.check() and port_file.exists(), f"{name} listens", START_S)
        except AssertionError:
            self.kill()  # the fleet does not know it yet
            raise
        Client.__init__(self, int(port_file.read_text()))

    def ready(self):
        until(lambda: self.check() and self.get("/ready").status == 200, f"{self.name} is ready", START_S)
        return self


class Fleet:
    def __init__(self, appendfsync="always", redis_config=()):
        # Short: the path of a unix socket has at most 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="parley-", dir="/tmp"))
        self.socket = self.dir / "redis.sock"
        self.env = {"PARLEY_REDIS": str(self.socket), "PARLEY_LOG": "debug"}
        self.appendfsync, self.redis_config = appendfsync, list(redis_config)
        self.processes = []
        self.counts = {}
        self.redis_process = None

    def __enter__(self):
        try:
            self.start_redis()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _name(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1
        return f"{name}-{self.counts[name]}"

    def _add(self, process):
        self.processes.append(process)
        return process

    # Redis

    def start_redis(self):
        """Starts it, or starts it again on the same data."""
        (self.dir / "redis").mkdir(exist_ok=True)
        self.redis_process = self._add(Process(
            self, self._name("redis"),
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.dir / "redis", "--appendonly",
             "yes", "--appendfsync", self.appendfsync, "--save", "", "--maxmemory-policy", "noeviction",
             *self.redis_config], {}))
        until(lambda: self.redis_process.check() and self._ping(), "Redis answers", START_S)

    def _ping(self):
        try:
            return self.redis("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def kill_redis(self):
        self.redis_process.kill()

    def redis(self, *arguments):
        """One command; the reply as str, int, None or list. An error reply is a RuntimeError."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.socket))
            parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            with connection.makefile("rb") as reader:
                return self._reply(reader)

    def _reply(self, reader):
        line = reader.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("Redis hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else reader.read(n + 2)[:-2].decode(errors="surrogateescape")
        n = int(rest)
        return None if n < 0 else [self._reply(reader) for _ in range(n)]

    def xlen(self, kind):
        return self.redis("XLEN", f"{kind}.requests")

    def log(self, job):
        """The events of a job as they stand in Redis: JSON texts in order. An entry's id is the number of its last one."""
        texts = []
        for entry, fields in self.redis("XRANGE", f"job:{job}:events", "-", "+"):
            texts += fields[1].split("\n")
            assert f'"seq":{entry.split("-")[0]},' in texts[-1], (entry, texts[-1])
        return texts

    def write_event(self, job, seq, text):
        """An event of a waiting job as parley.lua writes it, by hand; the first comes into the log with the second."""
        if seq == 2:
            tenant = self.redis("HGET", f"job:{job}", "tenant")
            text = self.redis("FCALL_RO", "parley1_read_log", 2, f"job:{job}", f"job:{job}:events", tenant, 0, 1)[4] + "\n" + text
        self.redis("XADD", f"job:{job}:events", f"{seq}-0", "e", text)
        self.redis("HSET", f"job:{job}", "seq", seq)

    # programs

    def door(self, env=None, ready=True):
        door = self._add(Door(self, self._name("door"), env))
        return door.ready() if ready else door

    def process(self, name, arguments, env=None):
        """Any program, as under systemd with Type=notify."""
        return self._add(Process(self, self._name(name), arguments, env, ready="notify"))

    def activated_door(self, listener, env=None):
        """A door on a socket that is listening already, as systemd starts it."""
        # Shells take the number of a process before it becomes the program; 3 is where systemd puts the socket.
        fd = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 10)
        try:
            door = self._add(Process(
                self, self._name("door"), ["bash", "-c", f'LISTEN_PID=$$ exec "$0" 3<&{fd}-', BUILD / "parley-door"],
                {"LISTEN_FDS": 1, **(env or {})}, ready="notify", pass_fds=(fd,)))
        finally:
            os.close(fd)
        until(door.notified, f"{door.name} is ready", START_S)
        return door

    def worker(self, kind, name=None, env=None, ready=True):
        """A worker; starting one of the same name again is its next incarnation. All share a state folder, as the
        workers of one host do."""
        name = name or self._name(f"{kind}")
        state = self.dir / "state"
        state.mkdir(exist_ok=True)
        worker = self._add(Process(
            self, self._name(f"worker-{name}"), [BUILD / "parley-worker", kind],
            {"PARLEY_WORKER_NAME": name, "PARLEY_STATE_DIR": state, **(env or {})}, ready="notify"))
        if ready:
            until(worker.notified, f"worker {name} is ready", START_S)
        return worker

    def rehearsal(self, arguments=()):
        """The rehearsal provider; programs started after it use it. Returns a client of it."""
        name = self._name("rehearsal")
        port_file = self.dir / f"{name}.port"
        process = self._add(Process(self, name, [BUILD / "tools" / "parley-rehearsal", "--listen", "127.0.0.1:0",
                                                 "--port-file", port_file, *arguments], {}))
        until(lambda: process.check() and port_file.exists() and port_file.read_text().strip(), f"{name} listens",
              START_S)
        client = Client(int(port_file.read_text()))
        client.process = process
        for provider, path in (("ANTHROPIC", "/anthropic"), ("OPENAI", "/openai/v1"), ("GROQ", "/groq/openai/v1"),
                               ("XAI", "/xai/v1"), ("COMPATIBLE", "/compatible/v1")):
            self.env[f"PARLEY_{provider}_BASE_URL"] = client.url + path
            self.env[f"{provider}_API_KEY"] = "rehearsal"
        return client

    def parley(self, *arguments, door=None, env=None, stdin=None, timeout=60):
        """Runs the command line tool to its end; a CompletedProcess with text."""
        full = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY_")}
        full.update({"PARLEY_REDIS": str(self.socket)})
        if door:
            full["PARLEY_URL"] = door.url
        full.update(env or {})
        return subprocess.run([str(BUILD / "tools" / "parley"), *map(str, arguments)], env=full, input=stdin,
                              capture_output=True, text=True, timeout=timeout * PATIENCE, check=False)

    def close(self):
        """Stops everything, newest first and Redis last: by SIGTERM, so that leaks are reported too."""
        faults = []
        for process in sorted(reversed(self.processes), key=lambda process: process.name.startswith("redis")):
            try:
                if process.process.poll() is None and process.name.startswith("redis"):
                    process.kill()
                elif process.process.poll() is None and process.terminate() != 0:
                    faults.append(f"{process.name} ended with {process.process.returncode}:\n{process.output()[-3000:]}")
                elif re.search("ERROR: (Address|Leak)Sanitizer|runtime error:", process.output()):
                    faults.append(f"{process.name}:\n{process.output()[-6000:]}")
            except AssertionError as fault:
                faults.append(str(fault))
            process.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if faults:
            raise AssertionError("\n".join(faults))
