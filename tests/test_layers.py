"""The layers: every module and package of the library and of utils has one."""

from __future__ import annotations

import re
import tomllib

from tests.conftest import ROOT


def test_every_module_has_a_layer() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = configuration["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {name for layer in layers for name in re.split(r" [|:] ", layer)}
    there = {
        f"{package.name}.{path.stem}"
        for package in (ROOT / "packages" / "batchmap" / "batchmap", ROOT / "utils")
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    } - {"batchmap.__init__", "utils.__init__"}
    assert named == there
    assert len(layers) <= 10
