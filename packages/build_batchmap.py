"""Builds the library in packages/batchmap, for `pip install .` at the top of the repository.

The names that pip calls are those of the library's own build backend (PEP 517), run in its folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flit_core import buildapi

__all__ = ["build_sdist", "build_wheel", "get_requires_for_build_wheel"]

os.chdir(Path(__file__).parent / "batchmap")


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what building needs beyond the backend: nothing."""
    return []


build_sdist = buildapi.build_sdist
build_wheel = buildapi.build_wheel
