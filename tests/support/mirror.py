"""The mirror (tests/support/mirror.c) as a process of its own."""
import subprocess

from fleet import BUILD, PATIENCE


class Mirror:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([BUILD / "tests/support/mirror", *arguments], stdout=subprocess.PIPE)
        self.host, self.port = "127.0.0.1", int(self.process.stdout.readline())
        self.address = (self.host, self.port)

    def close(self):
        """SIGTERM, and the exit status."""
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(10 * PATIENCE)
