"""In the handler of a Flask request, in a thread of its server."""

import threading
import urllib.request

from flask import Flask
from host import called
from werkzeug.serving import make_server

app = Flask(__name__)


@app.get("/")
def handle():
    check, arguments = called()
    check(*arguments)
    return "done"


def main():
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/") as answer:
        assert answer.read() == b"done"
    server.shutdown()


if __name__ == "__main__":
    main()
