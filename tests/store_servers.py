"""Servers on loopback that inputs and outputs are reached on by URL: of the web, and S3."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

S3_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Start an S3-compatible server; give the environment that leads to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", S3_SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{int(process.stdout.readline())}",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.communicate()


class WebServer(ThreadingHTTPServer):
    """Serves `files` by path; `faults` says what goes wrong, at the request of that number."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], *, sends_parts: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.sends_parts = sends_parts
        self.refuses_parts = False
        """Whether who asks for a part is answered 416."""
        self.statuses: dict[str, int] = {}
        """What is answered for a path, whatever is there."""
        self.encodings: dict[str, str] = {}
        """The `Content-Encoding` that a path is sent with."""
        self.messages: dict[int, str] = {}
        self.requests: list[str] = []
        """The range of each GET, empty for the whole file."""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: WebServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(is_head=True)

    def do_GET(self) -> None:
        self._answer(is_head=False)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, *, is_head: bool) -> None:
        data = self.server.files.get(self.path.partition("?")[0])
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        fault = None
        if not is_head:
            self.server.requests.append(self.headers.get("Range") or "")
            fault = self.server.messages.pop(len(self.server.requests), None)
        status = self.server.statuses.get(self.path, 503 if fault == "503" else 404)
        if data is None or fault == "503":
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Location", self.path)
            self.end_headers()
            return
        if span and self.server.refuses_parts:
            data = b""
            self.send_response(416)
        elif span and self.server.sends_parts:
            whole, data = data, data[int(span[1]) : int(span[2]) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {span[1]}-{span[2]}/{len(whole)}")
        else:
            self.send_response(200)
        if encoding := self.server.encodings.get(self.path):
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not is_head:
            self.wfile.write(data[: len(data) // 2] if fault == "cut" else data)
            if fault == "cut":
                self.close_connection = True


@contextmanager
def web_server(files: dict[str, bytes], *, sends_parts: bool = True) -> Iterator[WebServer]:
    """Serve `files` by their paths on loopback."""
    server = WebServer(files, sends_parts=sends_parts)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
