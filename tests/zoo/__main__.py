"""`make zoo`: plays every animal under every fault, and writes what was found and what was true to docs/truth.md.

python tests/zoo FOLDER [--seeds 5] [--jobs 3] [--only NAME ...] [--judge] [--page FILE] [--record]

A run that is there is not played again.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import recordings  # noqa: E402  # because the folders of tests are no packages
from zoo_rig import cells, play_all  # noqa: E402  # as above
from zoo_truth import page, truth  # noqa: E402  # as above


def record(chosen: dict[str, Path]) -> None:
    """Put these runs into the archive that `make test` judges, beside those of the other animals."""
    with TemporaryDirectory() as room:
        kept = {path.name.split(".")[0]: path for path in recordings.unpack("zoo", Path(room))}
        recordings.pack((kept | chosen).values(), recordings.HERE / "zoo.tar.xz")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="animals")
    parser.add_argument("--judge", action="store_true", help="play nothing, judge what is there")
    parser.add_argument("--page", type=Path, help="write docs/truth.md")
    parser.add_argument("--record", action="store_true", help="keep a run of each animal for make test")
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
    if asked.page:
        asked.page.write_text(page(total, f"{datetime.now(UTC):%Y-%m-%d}", len(wanted)))
    if asked.record:
        record({cell.animal: asked.folder / cell.name for cell in reversed(wanted) if cell.most_telling})
    return 0


if __name__ == "__main__":
    sys.exit(main())
