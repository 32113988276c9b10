"""In a test of pytest, which captures output and has patched the environment."""

import os
import subprocess
import sys

from host import called


def test_check(monkeypatch, tmp_path):
    monkeypatch.setenv("PATCHED", "yes")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest", *os.environ["CALLED"].split()])
    check, arguments = called()
    check(*arguments)


if __name__ == "__main__":
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, __file__]
    environment = os.environ | {"CALLED": " ".join(sys.argv[1:])}
    sys.exit(subprocess.run([sys.executable, *words], env=environment).returncode)
