"""The code of a task: its module and its neighbours, by their syntax trees."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from batchmap.checkpoint.task_code import code_of, first_difference


@pytest.mark.parametrize(
    ("files", "change", "named"),
    [
        ({"m.py": "# a\ndef f(x):\n    'doc'\n    return x\n"}, {"m.py": "def f(x): return x"}, ""),
        ({"m.py": "def f(x): return x"}, {"m.py": "def f(x): return [x]"}, "f in m.py"),
        ({"m.py": "A, B = 1, 2"}, {"m.py": "A, B = 1, 3"}, "A in m.py"),
        ({"m.py": "Y = 1; X = Y; Y = 2"}, {"m.py": "Y = 1; Y = 2; X = Y"}, "m.py"),
        (
            {"m.py": "def g():\n    import helper", "helper.py": "N = 1"},
            {"helper.py": "N = 2"}, "N in helper.py",
        ),
        (
            {"m.py": "import helper", "helper.py": "from other import N", "other.py": "N = 1"},
            {"other.py": "N = 2"}, "N in other.py",
        ),
        ({"m.py": "import json"}, {"unused.py": "N = 2"}, ""),
        (
            {"p/__init__.py": "N = 1", "p/m.py": "from . import N"},
            {"p/__init__.py": "N = 2"}, "N in p/__init__.py",
        ),
        (
            {"p/q/__init__.py": "", "p/q/m.py": "from ..n import N", "p/n.py": ""},
            {"p/n.py": "N = 1"}, "N in p/n.py",
        ),
    ],
)  # fmt: skip
def test_a_task_is_its_module_and_the_modules_beside_it(
    files: dict[str, str],
    change: dict[str, str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).write_text(text)
    [file] = [name for name in files if name.endswith("m.py")]
    module = ModuleType(file.removesuffix(".py").replace("/", "."))
    module.__file__ = str(Path(file).absolute())
    before = code_of(module)
    assert first_difference(before, before) is None
    for name, text in change.items():
        Path(name).write_text(text)
    found = first_difference(before, code_of(module))
    assert found is None if not named else found is not None and named in found
