"""Serves a small web site on the loopback interface, with what makes crawling hard.

It has articles that link to each other; the same article under several addresses; redirects, also
in a circle and to elsewhere; a calendar without end; pages that robots.txt keeps to itself; bad
markup, missing pages, one that is no HTML, and one that fails at first. What it holds follows from
the seed. `/log` tells all requests. Ends with the process that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROBOTS = """User-agent: *
Disallow: /private/
Disallow: /log
Request-rate: {rate}/1
"""
BAD_MARKUP = """<html><title>Bad &amp markup</title
<body><p>not closed<div><b>nor <i>nested</b> well</i>
<a href=/articles/1>no quotes <a href='/articles/2'>inside <A HREF="/only-from-bad-markup
">a break</a><a>no address</a><a href>none</a><a href="http://[bad/">no host</a>
<a href="mailto:someone@example.org">mail</a><a href="javascript:void(0)">script</a>
<!-- <a href="/commented-out">no link</a> --><script>"<a href='/in-a-script'>"</script>
<table><tr><td>\xff\xfe \ufffd"""
WORDS = ["harbour", "bridge", "lantern", "orchard", "granite", "meadow", "ferry", "compass"]


class Site(ThreadingTCPServer):
    """The server and what it remembers of its requests."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", options.port), Answer)
        self.options = options
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.log: list[tuple[float, str]] = []
        """When which path was asked for."""

    def page(self, path: str, query: str) -> tuple[int, str, str]:
        """Return status, title or location, and body of what is at an address."""
        number = path.rpartition("/")[2]
        articles = range(1, self.options.articles + 1)
        match path.split("/")[1:-1] or [path]:
            case ["articles" | "print"] if number.isdecimal() and int(number) in articles:
                return 200, f"Article {number}", self.article(int(number))
            case ["old"] if number.isdecimal():
                return 301, f"/articles/{number}", ""
            case ["circle"]:
                return 302, f"/circle/{'b' if number == 'a' else 'a'}", ""
            case ["private"]:
                return 200, "Private", "not for crawlers"
        match path:
            case "/":
                return 200, "A small site", self.front()
            case "/calendar":
                month = int(parse_qs(query).get("month", ["1"])[0])
                later = [link(f"/calendar?month={month + step}", "later") for step in (1, 3, 12)]
                return 200, f"Month {month}", f"Nothing happens in month {month}.{''.join(later)}"
            case "/away":
                return 302, "https://example.org/", ""
            case "/bad":
                return 200, "", BAD_MARKUP
            case "/only-from-bad-markup":
                return 200, "Found", "Whoever finds this has a good parser."
            case "/flaky" if sum(asked == path for _, asked in self.log) > 1:
                return 200, "Flaky", "There at the second time."
            case "/flaky":
                return 503, "Not now", ""
        return 404, "Not found", ""

    def front(self) -> str:
        """Return the front page: some articles, and all that makes crawling hard."""
        hard = ["/calendar", "/away", "/bad", "/flaky", "/circle/a", "/missing", "/paper.pdf"]
        campaign = ["/articles/1#comments", "/articles/1?utm_source=letter", "/ARTICLES/../print/1"]
        some = [f"/articles/{number}" for number in range(1, 6)]
        return "".join(link(path, path) for path in [*some, *campaign, *hard, "/private/1"])

    def article(self, number: int) -> str:
        """Return an article with links to others, old and new."""
        chance = random.Random(f"{self.options.seed}/{number}")
        text = " ".join(chance.choices(WORDS, k=120))
        others = [chance.randint(1, self.options.articles) for _ in range(4)]
        ways = ["articles", "articles", "old", "print"]
        links = [link(f"../{way}/{other}", "more") for way, other in zip(ways, others, strict=True)]
        following = link(f"/articles/{number % self.options.articles + 1}", "next")
        return f"<p>{number}: {text}</p>{''.join(links)}{following}"


def link(path: str, text: str) -> str:
    """Return the markup of a link."""
    return f'<a href="{path}">{text}</a>\n'


class Answer(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Site

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path == "/log":
            self.send(200, "application/json", json.dumps(self.server.log))
            return
        self.server.log.append((time.monotonic(), self.path))
        place = urlsplit(self.path)
        if place.path == "/robots.txt":
            self.send(200, "text/plain", ROBOTS.format(rate=self.server.options.rate))
            return
        time.sleep(self.server.options.latency)
        if place.path == "/paper.pdf":
            self.send(200, "application/pdf", "%PDF-1.7")
            return
        status, title, body = self.server.page(place.path, place.query)
        if status in (301, 302):
            self.send(status, "text/html", "", location=title)
        else:
            head = f"<!doctype html><title>{title}</title>" if title else ""
            self.send(status, "text/html; charset=utf-8", head + body)

    def send(self, status: int, kind: str, text: str, *, location: str = "") -> None:
        """Send a text."""
        body = text.encode("latin-1" if text.startswith("<html>") else "utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: Any) -> None:
        """Print nothing: the log is at `/log`."""


def end_with(parent: int) -> None:
    """End this process when the one that started it has ended."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--port", type=int, default=8766, help="0 for any that is free (default: 8766)")
    add("--articles", type=int, default=120, help="how many there are (default: 120)")
    add("--seed", type=int, default=0, help="what they hold follows from it (default: 0)")
    add("--rate", type=int, default=20, help="requests a second it asks for (default: 20)")
    add("--latency", type=float, default=0.2, help="seconds an answer takes (default: 0.2)")
    options = parser.parse_args()
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    try:
        site = Site(options)
    except OSError as error:
        parser.error(f"--port {options.port}: {error.strerror}; name another")
    print(f"serving a small site at {site.url}/", flush=True)
    with suppress(KeyboardInterrupt):
        site.serve_forever()


if __name__ == "__main__":
    main()
