"""Which operations each user asks: by weight and by draw, the same wherever it is computed.

Laws:
1. User n, who comes at the nth due time, asks the operations n * stride, n * stride + 1 ... : a number tells both who
   asks and which step of the session it is. Without sessions the stride is 1, and operations are users.
2. The driver, the plan and the analysis each draw it from the seed, so that no record need hold it.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from chaosllm.scenario import Session, Target
from chaosllm.trigger import draw


class Mix:
    """The sessions of a target, and whose turn it is."""

    def __init__(self, target: Target, seed: int) -> None:
        self.names = tuple(operation.name for operation in target.operations)
        alone = tuple(Session((place,), operation.weight) for place, operation in enumerate(target.operations))
        self.sessions = target.sessions or alone or (Session((0,)),)
        self.stride = max(len(session.steps) for session in self.sessions)
        self._seed = seed
        self._ends = tuple(accumulate(session.weight for session in self.sessions))

    @property
    def several(self) -> bool:
        """Whether there is more than one operation, so that its name tells something."""
        return len(self.names) > 1

    def session(self, user: int) -> Session:
        """What a user does."""
        if len(self.sessions) == 1:
            return self.sessions[0]
        at = bisect_right(self._ends, draw(self._seed, "operation", user) * self._ends[-1])
        return self.sessions[min(at, len(self._ends) - 1)]  # a sum of floats may end a hair too low

    def place(self, index: int) -> int:
        """The place, in the target's list, of what operation `index` asks; 0 where there is but one, or none."""
        if not self.several:
            return 0
        user, step = divmod(index, self.stride)
        steps = self.session(user).steps
        return steps[min(step, len(steps) - 1)]

    def name(self, index: int) -> str:
        """What operation `index` asks, by name; "" for an operation without one."""
        return self.names[self.place(index)] if self.names else ""

    def pause(self, index: int) -> float:
        """Seconds between the answer before operation `index`, which begins no session, and it."""
        think = self.session(index // self.stride).think
        return 0.0 if think is None else max(0.0, think.sample(draw(self._seed, "think", index)))
