"""Which of several operations a user asks: by weight and by draw, the same wherever it is computed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from chaosllm.scenario import Target
from chaosllm.trigger import draw


class Mix:
    """The operations of a target, and whose turn it is.

    The driver, the plan and the analysis each draw it from the seed, so that no record need hold it.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self.names = tuple(operation.name for operation in target.operations)
        self._seed = seed
        self._ends = tuple(accumulate(operation.weight for operation in target.operations))

    @property
    def several(self) -> bool:
        """Whether there is more than one, so that its name tells something."""
        return len(self.names) > 1

    def place(self, index: int) -> int:
        """The place, in the target's list, of what operation `index` asks; 0 where there is but one, or none."""
        if not self.several:
            return 0
        at = bisect_right(self._ends, draw(self._seed, "operation", index) * self._ends[-1])
        return min(at, len(self._ends) - 1)  # a sum of floats may end a hair below what it is multiplied to

    def name(self, index: int) -> str:
        """What operation `index` asks, by name; "" for an operation without one."""
        return self.names[self.place(index)] if self.names else ""
