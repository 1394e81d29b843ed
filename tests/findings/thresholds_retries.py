"""Thresholds of what an app does towards the provider after a failed call."""

from run_factory import Operation, Try, only_in_storm, refused, run
from thresholds import Threshold

from chaosllm.join import Run


def _gap(seconds: float) -> Run:
    """Every refused call without a Retry-After is repeated after this pause."""
    return run(only_in_storm(lambda _: Operation(tries=[refused(retry_after=None), Try(at=0.01 + seconds)])))


THRESHOLDS = (Threshold("no_backoff", "median first gap under 50 ms", lambda: _gap(0.051), lambda: _gap(0.049)),)
