"""A node that checks what goes into `exec` and what comes out."""

from __future__ import annotations

from typing import Any

from kaygraph.node import Node

__all__ = ["ValidatedNode"]


class ValidatedNode(Node):
    """Pass the argument and the result of `exec` through a check.

    The checks are outside of the retries: what they raise is not tried again. In a class that is
    also a `BatchNode`, they are given the whole list, once, when `ValidatedNode` comes first
    among the bases, and each item when it comes last.
    """

    def validate_input(self, prep_res: Any) -> Any:
        """Return the value that `exec` gets, or raise."""
        return prep_res

    def validate_output(self, exec_res: Any) -> Any:
        """Return the value to go on with, or raise."""
        return exec_res

    def _exec(self, prep_res: Any) -> Any:
        return self.validate_output(super()._exec(self.validate_input(prep_res)))

    async def _exec_async(self, prep_res: Any) -> Any:
        return self.validate_output(await super()._exec_async(self.validate_input(prep_res)))
