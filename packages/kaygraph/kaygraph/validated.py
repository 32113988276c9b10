"""A node that checks what goes into `exec` and what comes out."""

from __future__ import annotations

from typing import Any

from kaygraph.node import Execution, Node

__all__ = ["ValidatedNode"]


class ValidatedNode(Node):
    """Pass each `exec`'s argument and result through a check.

    The checks stand around the retries: what they raise is not tried again.
    """

    def validate_input(self, prep_res: Any) -> Any:
        """Return the value that `exec` gets, or raise."""
        return prep_res

    def validate_output(self, exec_res: Any) -> Any:
        """Return the value to go on with, or raise."""
        return exec_res

    def _exec_attempts(self, item: Any, execution: Execution) -> Any:
        return self.validate_output(super()._exec_attempts(self.validate_input(item), execution))

    async def _exec_attempts_async(self, item: Any, execution: Execution) -> Any:
        checked = self.validate_input(item)
        return self.validate_output(await super()._exec_attempts_async(checked, execution))
