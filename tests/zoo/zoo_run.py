"""`chaosllm` as it is, but that nothing is drawn: the zoo looks at findings, and pictures cost as much as the load."""

from __future__ import annotations

from chaosllm.__main__ import main
from chaosllm.adapters import rendering

rendering.render = lambda folder, run, summary: rendering.material(folder, run, summary, {})

if __name__ == "__main__":
    main()
