"""Starts servers on loopback that have a limit: one of our own, and nginx before it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LimitedServer", "has_nginx", "nginx_server", "own_server"]

ROOT = Path(__file__).parent.parent
HOST = "127.0.0.1"

NGINX = """\
daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log crit; {user}
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  limit_conn_zone $binary_remote_addr zone=connections:1m;
  limit_req_zone $binary_remote_addr zone=requests:1m rate={rate}r/s;
  upstream own {{ server {host}:{behind}; keepalive 300; }}
  server {{
    listen {host}:{port}; keepalive_requests 1000000;
    proxy_http_version 1.1; proxy_set_header Connection "";
    location = /connections {{ limit_conn connections {most}; proxy_pass http://own/; }}
    location = /requests {{ limit_req zone=requests burst=20 nodelay; proxy_pass http://own/; }}
  }}
}}
"""


@dataclass
class LimitedServer:
    """A server that runs; `halve` has it bear half of what it did."""

    port: int
    path: str
    slots: int
    per_s: float
    """How many requests a second it answers at most."""
    nginx: subprocess.Popen[bytes] | None = None
    config: tuple[Path, dict[str, object]] | None = None

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"http://{HOST}:{self.port}{self.path}"

    def halve(self) -> None:
        """Have it bear half of what it did."""
        if self.nginx is None or self.config is None:
            connection = http.client.HTTPConnection(HOST, self.port)
            connection.request("GET", f"/slots/{self.slots // 2}/most/0")
            connection.getresponse().read()
            connection.close()
            return
        path, values = self.config
        half = {"most": self.slots // 2, "rate": round(self.per_s / 2)}
        path.write_text(NGINX.format(**{**values, **half}))
        self.nginx.send_signal(signal.SIGHUP)


def has_nginx() -> bool:
    """Return whether nginx is installed."""
    return shutil.which("nginx") is not None


@contextmanager
def own_server(slots: int, service_s: float) -> Iterator[LimitedServer]:
    """Run the server of our own, which lets requests wait beyond `slots` at once."""
    words = [sys.executable, "-m", "benchmarks.limited_server", str(slots), str(service_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            yield LimitedServer(port, "/", slots, slots / service_s)
        finally:
            server.stdin.close()


@contextmanager
def nginx_server(path: str, *, most: int, rate: int, service_s: float) -> Iterator[LimitedServer]:
    """Run nginx with `limit_conn` at `/connections` and `limit_req` at `/requests`."""
    per_s = most / service_s if path == "/connections" else rate
    with own_server(2000, service_s) as behind, tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        values: dict[str, object] = {
            "place": folder,
            "user": "user root;" if os.geteuid() == 0 else "",
            "rate": rate,
            "most": most,
            "host": HOST,
            "port": port,
            "behind": behind.port,
        }
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(**values))
        words = ["nginx", "-p", folder, "-c", str(config), "-e", f"{folder}/error.log"]
        with subprocess.Popen(words) as nginx:
            try:
                _await(port)
                yield LimitedServer(port, path, most, per_s, nginx, (config, values))
            finally:
                nginx.terminate()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _await(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("nginx did not start")
