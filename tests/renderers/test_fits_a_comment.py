"""The Markdown summary and the annotations fit GitHub's places, whatever a run holds."""

from __future__ import annotations

import re

import pytest
import rendering_factory as factory

from chaosllm.renderers import Material, markdown
from chaosllm.renderers._annotations import MOST, annotation, fitting, lines

LETTERS = {"escaped": "*", "wide": "\N{GRINNING FACE}", "lines": "a\n"}


def huge(n: int, name: str) -> Material:
    """A run with `n` of everything, each with that long a name."""
    storm = factory.summary()["phases"]["storm"]
    finding = {"severity": "major", "phase": name, "count": 1, "sentence": name, "advice": name, "docs": name}
    row = {"fault": name, "eligible": 1, "planned": 1, "fired": 1, "delivered": 1}
    return Material(
        factory.summary(
            scenario=name,
            hypothesis=name,
            reasons=[name] * n,
            fix_first=name,
            phases={f"{at}{name}": storm | {"by_operation": {name: storm}} for at in range(n)},
            objectives=[{"text": f"{at}{name}", "verdict": "fail", "why": name, "value": 1.0} for at in range(n)],
            findings=[finding | {"code": f"{at}{name}", "evidence": [name] * 9} for at in range(n)],
            injection=[row | {"rule": f"{at}{name}"} for at in range(n)],
            validity=[{"name": name, "ok": False, "what": name, "hint": name}] * n,
            findings_withheld=[name] * n,
        )
    )


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize(("n", "longest"), [(1, 10_000), (30, 600), (400, 40), (130, 10_000)])
def test_any_run_fits_and_every_part_keeps_a_place(n, longest, letter):
    """Under 60 KB; the verdict first, and objectives, findings and phases all there, cut where they must be."""
    text = markdown.MEMBER.render(huge(n, LETTERS[letter] * longest))
    assert len(text.encode()) <= markdown.MOST_BYTES
    assert text.startswith("## \N{BALLOT X} FAIL")
    for part in ("### Objectives", "### Findings", "### Phases", "### What spoils this run"):
        assert re.search(rf"^{part}\n\n\S", text, re.MULTILINE), part
    assert text.count("<details>") == text.count("</details>")
    if n > 100:
        assert "too long for this place" in text


def test_a_usual_run_is_cut_nowhere():
    """A run of a few phases is shown whole."""
    assert "too long" not in markdown.MEMBER.render(Material(factory.summary()))


@pytest.mark.parametrize("n", [1, 7, 30, 3000])
def test_many_runs_share_one_comment(n):
    """The page of a gate's job is one comment too: parts of all runs, or at least their verdicts, and the score."""
    text = markdown.together([huge(6, "y" * 300)] * n, "Score 62")
    assert len(text.encode()) <= markdown.MOST_BYTES
    assert text.endswith("\nScore 62\n")
    shown = len(re.findall("FAIL \N{MIDDLE DOT} y", text))
    assert shown == n or "lines were too long for this place" in text
    assert shown >= min(n, 100)


def test_no_run_is_no_page():
    """A gate in which nothing could be run writes its score alone."""
    assert markdown.together([], "") == ""


def test_annotations_are_fewer_than_ten_and_the_gravest_stay():
    """GitHub drops all past ten without a word: errors come first, and the last one counts what is left out."""
    found = list(lines(factory.scenario(), huge(300, "z").summary, passes=False))
    assert len(found) > 600
    notices = [annotation("notice", None, "n", "n")] * 20
    shown = fitting([*notices, *found])
    assert len(shown) == MOST < 10
    assert all(line.startswith("::error ") for line in shown[:-1])
    assert shown[-1].startswith(f"::notice title={len(found) + 20 - MOST + 1} more::")
    assert fitting(found[:MOST]) == found[:MOST]
    assert all("\n" not in line for line in shown)
