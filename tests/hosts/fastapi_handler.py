"""In the handlers of FastAPI requests: a plain one, in a pool of threads, and an `async` one."""

import sys

from fastapi import FastAPI
from fastapi.testclient import TestClient
from host import called

app = FastAPI()


@app.get("/plain")
def handle_plain():
    check, arguments = called()
    check(*arguments)
    return "done"


@app.get("/async")
async def handle_async():
    check, arguments = called()
    check(*arguments)
    return "done"


def main():
    client = TestClient(app)
    for path in ("/plain", "/async"):
        assert client.get(path).json() == "done", path


if __name__ == "__main__":
    sys.exit(main())
