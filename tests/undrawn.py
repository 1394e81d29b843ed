"""`chaosllm` as it is, but that nothing is drawn: for tests of runs, because pictures cost as much as the load.

That a real run leaves its pictures is shown by `end_to_end/test_run_verdicts.py::test_calm_passes`.
"""

from __future__ import annotations

from types import ModuleType

from chaosllm import adapters
from chaosllm.__main__ import main
from chaosllm.adapters import rendering

SHOWN = rendering.material


def undrawn(folder, run, summary):
    """All that `render` writes, with no chart in it."""
    shown = SHOWN(folder, run, summary, {})
    for renderer in rendering.STORED:
        rendering.run_folder.write(folder / str(renderer.file), renderer.render(shown))
    return shown


rendering.render = undrawn
# Or a run loads matplotlib while it ends. The name alone, because the page of several runs is drawn all the same.
adapters.charts = ModuleType("charts")

if __name__ == "__main__":
    main()
