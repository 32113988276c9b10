"""The largest loss of a run, its cause and what would help: one module for each kind of loss.

To add a cause of lost speed:

1. Find the module of the loss that it shows up as: `slower_items_causes` (items took longer than
   in the sequential run), `start_causes` (before a worker's first batch), `hand_over_causes`
   (between a worker's batches), `tail_causes` (after a worker's last batch) or `unused_workers`
   (no batch at all). A cause that explains any loss but slower items, as `--rate` does, stands in
   `largest_loss`.
2. There, let `explain` return an `Explanation` of it: its name, one sentence with figures, and one
   with advice. The first cause whose evidence is there is named, so put it where it belongs. What
   the evidence lacks goes into `evidence.Evidence`.
3. Add its name to `CAUSES` in `cause_names`, and a row to the table in `docs/report.md`.
4. Test it in `tests/test_bottlenecks.py`, and add work that has it to
   `benchmarks/injected_losses.py`.
"""

from .cause_names import CAUSES
from .evidence import Evidence
from .largest_loss import find_bottleneck
from .unused_workers import UNUSED

__all__ = ["CAUSES", "UNUSED", "Evidence", "find_bottleneck"]
