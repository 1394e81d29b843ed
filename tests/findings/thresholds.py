"""The two sides of each threshold of METHOD section 5, as rows; tests/findings/test_thresholds.py judges them.

Rows live in `thresholds_<group>.py` beside this file, each module holding a tuple `THRESHOLDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaosllm.join import Run


@dataclass(frozen=True)
class Threshold:
    """A condition of a finding: a run just outside of it, and one just inside."""

    code: str
    condition: str  # in METHOD's words, such as "median first gap under 50 ms"
    silent: Callable[[], Run]
    raised: Callable[[], Run]
