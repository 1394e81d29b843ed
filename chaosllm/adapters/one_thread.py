"""Loads NumPy so that it multiplies on one thread, wherever records are judged."""

from __future__ import annotations

import os

#: What OpenBLAS, which NumPy's wheels bring, reads once, when it is loaded.
_THREADS = "OPENBLAS_NUM_THREADS"


def load_numpy() -> None:
    """Load NumPy, on one thread unless the environment says how many; no effect where it is loaded already.

    Because the matrices here are small: a second thread waits for work by spinning, which took a third of the
    processor time of judging and saved nothing on the clock; and because a sum that two threads share may differ in
    its last bit, by which a report made again would differ. The variable does not stay, so no child inherits it.
    """
    said = os.environ.get(_THREADS)
    os.environ[_THREADS] = said or "1"
    try:
        import numpy  # noqa: F401, PLC0415  # late, because --help must not pay for it
    finally:
        if said is None:
            del os.environ[_THREADS]
