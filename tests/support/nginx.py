"""nginx in front of something, configured by the snippets that we ship (systemd/nginx).

    with Nginx(folder, port) as nginx:      # listens on nginx.socket, a unix socket
"""
import os
import pathlib
import shutil
import subprocess

from fleet import ROOT, until

SNIPPETS = ROOT / "systemd" / "nginx"
PATH = os.environ["PATH"] + ":/usr/sbin"
MISSING = None if shutil.which("nginx", path=PATH) else "nginx is not installed (Debian: nginx-light)"


class Nginx:
    def __init__(self, folder, *ports):
        self.dir = pathlib.Path(folder) / "nginx"
        self.dir.mkdir()
        self.socket = str(self.dir / "s")
        shared = (SNIPPETS / "parley-http.conf").read_text()
        servers = "".join(f"server 127.0.0.1:{port} max_fails=0;\n" for port in ports)
        assert "server 127.0.0.1:8080 max_fails=0;" in shared
        (self.dir / "parley-http.conf").write_text(shared.replace("server 127.0.0.1:8080 max_fails=0;", servers))
        for name in ("parley-server.conf", "parley-proxy.conf"):
            shutil.copy(SNIPPETS / name, self.dir)
        (self.dir / "nginx.conf").write_text(f"""
            daemon off; master_process off; error_log {self.dir}/error.log; pid {self.dir}/pid;
            events {{ worker_connections 512; }}
            http {{
                access_log off; client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/proxy;
                fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/c;
                include parley-http.conf;
                server {{ listen unix:{self.socket}; server_name a; include parley-server.conf; }}
            }}""")
        command, env = ["nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")], {**os.environ, "PATH": PATH}
        checked = subprocess.run([*command, "-t"], env=env, capture_output=True, text=True, check=False)
        assert checked.returncode == 0 and "[warn]" not in checked.stderr, checked.stderr
        with open(self.dir / "output", "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env,
                                            start_new_session=True)
        until(self._is_up, "nginx listens")

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("nginx ended:\n" + (self.dir / "output").read_text())
        return os.path.exists(self.socket)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
