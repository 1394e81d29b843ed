"""`make zoo`: plays every animal under every fault, and writes what was found and what was true to docs/truth.md.

python tests/zoo FOLDER [--seeds 5] [--jobs 3] [--only NAME ...] [--judge]    a run that is there is not played again
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from zoo_rig import cells, play_all, truth


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--judge", action="store_true", help="play nothing, judge what is there")
    asked = parser.parse_args()
    wanted = [cell for cell in cells(range(1, asked.seeds + 1)) if not asked.only or cell.animal in asked.only]
    if not asked.judge:
        for at, cell in enumerate(play_all(wanted, asked.folder, asked.jobs), 1):
            print(f"{at} of {len(wanted)}: {cell.name}", flush=True)
    total = truth(asked.folder, wanted)
    print("\n".join(total.wrong))
    for code, found, missed, false, precision, recall in total.table():
        print(f"{code:24} {found:4} found {missed:4} missed {false:4} false   {precision:.3f} {recall:.3f}")
    print(f"{total.runs} runs of {len(wanted)}; calm: {total.alarms} of {total.calm} with a finding")
    return 0


if __name__ == "__main__":
    sys.exit(main())
