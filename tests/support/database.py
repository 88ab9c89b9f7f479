"""A real PostgreSQL for a test, in a folder of its own on a unix socket.

    with Database() as database:
        url = database.create()             a database of its own, empty
        database.rows(url, "SELECT …")      a list of dicts
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fleet import START_S, STOP_S, until  # noqa: E402

SERVER = pathlib.Path(__file__).resolve().parent / "postgres"


class Database:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="parley-pg-", dir="/tmp"))
        self.process = None
        self.n = 0

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Starts it, or starts it again on the same data."""
        self.process = subprocess.Popen([SERVER, self.dir], stdin=subprocess.DEVNULL, start_new_session=True)
        until(self._answers, "Postgres answers", START_S)

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError((self.dir / "postgres.log").read_text()[-3000:])
        return self._psql(self.url("postgres"), "SELECT 1").returncode == 0

    def stop(self):
        """As a crash would: at once, clients and all."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_S)

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def url(self, name):
        # No password is asked for; it is there to be looked for in logs.
        return f"postgresql://parley:sesame@/{name}?host={self.dir}"

    def create(self):
        self.n += 1
        self.run(self.url("postgres"), f"CREATE DATABASE t{self.n}")
        return self.url(f"t{self.n}")

    @staticmethod
    def _psql(url, sql):
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url], input=sql, env=env, text=True,
                              capture_output=True, check=False)

    def run(self, url, sql):
        """Statements; a RuntimeError with Postgres' words when one fails."""
        done = self._psql(url, sql)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def rows(self, url, query):
        return json.loads(self.run(url, f"SELECT coalesce(json_agg(t), '[]') FROM ({query}) t"))

    def has(self, url, query):
        """Whether the query has a row; not while a table of it is not there."""
        try:
            return bool(self.rows(url, query))
        except RuntimeError:
            return False


class DatabaseCase(unittest.TestCase):
    """Tests that share a server; each has an empty database of its own at self.url."""

    @classmethod
    def setUpClass(cls):
        cls.database = Database()
        cls.addClassCleanup(cls.database.close)
        cls.database.start()

    def setUp(self):
        self.url = self.database.create()

    def rows(self, query):
        return self.database.rows(self.url, query)
