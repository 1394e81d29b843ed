"""What was run reads as what was meant: of every shipped scenario, and of generated ones in parts."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from soak import count

import chaosllm
from chaosllm.adapters import run_folder
from chaosllm.adapters.scenario_file import loader
from chaosllm.language.overrides import dump
from chaosllm.language.yaml_nodes import Problems, compose
from chaosllm.reader import read, readings

FOLDER = Path(chaosllm.__file__).parents[1] / "scenarios"
READY = sorted(path for path in FOLDER.rglob("*.yaml") if path.parent.name not in ("suites", "gamedays"))


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_shipped_scenario_survives_being_written_out(path):
    """Dumped, each library scenario reads as the same one; so does its text after a setting and a scale."""
    text, files = path.read_text(), loader(path.parent)
    for reading in readings(text, load=files):
        data = compose(reading.as_run, "", Problems()).data
        assert read(dump(data), load=files).unwrap() == reading.unwrap()
    for reading in readings(text, load=files, sets=["seed=99"], scale=0.5):
        assert read(reading.as_run, load=files).unwrap() == reading.unwrap()


NAMES = st.sampled_from(["storm", "calm", "burst", "dip", "wave"])
SHARES = st.sampled_from(["40%", "${share}", "${share:-5%}", "${n}%", "0.5%"])
TEXTS = st.sampled_from(
    ["plain", "a $${b}", "${word} and ${word}", "n is ${n}", "it's: {odd} # ${word:-x}", "$${", "no ${env:A}"]
)
RULES = st.builds(
    lambda fault, share, more: {"fault": fault, "when": {"share": share, **more}},
    st.sampled_from(["rate_limit", "hang", "${fault}", "truncate", "overload"]),
    SHARES,
    st.sampled_from([{}, {"every": "${n}"}, {"window": {"from": "${n}ms", "to": "900ms"}}]),
) | st.just({"include": "rules.yaml"})  # fmt: skip


def a_phase(name, seconds, rules):
    return {"name": name, "duration": seconds, **({"rules": rules} if rules else {})}


def phases(names):
    seconds = st.sampled_from(["5s", "${n}s", "${seconds:-1m}"])
    return st.tuples(*[st.builds(a_phase, st.just(name), seconds, st.lists(RULES, max_size=2)) for name in names])


GROUPS = st.lists(NAMES, unique=True, min_size=1, max_size=3).flatmap(
    lambda names: st.builds(
        lambda inner, repeat, shuffle: {"name": "block", "repeat": repeat, "shuffle": shuffle, "phases": [*inner]},
        phases(names), st.sampled_from([1, 3, "${n}"]), st.booleans(),
    )
)  # fmt: skip
WHOLE = st.builds(
    lambda before, group, hypothesis, tags, vary, seed: {
        "include": "base.yaml",
        "name": "made-${n}",
        "seed": seed,
        "hypothesis": hypothesis,
        "tags": tags,
        "phases": [*before, group, {"include": "last.yaml"}],
        "vary": vary,
    },
    phases(["first", "second"]), GROUPS, TEXTS, st.lists(TEXTS, max_size=3),
    st.sampled_from([{}, {"n": [2, 4]}, {"load.rate": ["3/s", "${rate}"], "n": [3]}]), st.integers(0, 99),
)  # fmt: skip
PARTS = {
    "base.yaml": "version: 1\nupstreams: [include: up.yaml]\nload: {rate: '${rate:-4/s}'}\n"
    "parameters: {n: 3, share: 7%, word: 'w$${}', fault: stall, rate: }\n",
    "up.yaml": "- {provider: openai, url: simulator}",
    "rules.yaml": "- {fault: hang, when: {every: '${n}'}}\n- {fault: reset}\n",
    "last.yaml": "{name: recovery, duration: 20s}",
}


@settings(max_examples=count(quick=60, full=2000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WHOLE, st.sampled_from([1.0, 0.5]))
def test_scenario_in_parts_survives_being_written_out(whole, scale):
    """A scenario of files, parameters, rounds and varied values: its flat text alone reads as the same."""
    for reading in readings(dump(whole), load=PARTS.__getitem__, sets=["rate=6/s"], scale=scale):
        assert reading.errors == []
        assert read(reading.as_run).unwrap() == reading.scenario
        assert read(reading.as_run, sets=["seed=98"]).unwrap().phases[0] == reading.unwrap().phases[0]


def test_run_folder_stands_alone(tmp_path):
    """A run folder is loaded without the files that its scenario was put together from."""
    text = dump({
        "include": "base.yaml", "name": "parts", "hypothesis": "$${n} ${n}",
        "phases": [
            {"name": "baseline", "duration": "5s"},
            {"name": "block", "repeat": 2, "phases": [
                {"name": "storm", "duration": "5s", "rules": [{"include": "rules.yaml"}]},
            ]},
            {"include": "last.yaml"},
        ],
    })  # fmt: skip
    reading = read(text, load=PARTS.__getitem__, sets=["rate=6/s"])
    run_folder.write(tmp_path / run_folder.SCENARIO, reading.as_run)
    run_folder.write_json(tmp_path / run_folder.META, {"schema": 1, "seed": 0, "failures": [], "stopped": None})
    (tmp_path / run_folder.SAMPLES_RAW).write_bytes(b"")
    assert run_folder.load(tmp_path).scenario == reading.unwrap()
    assert [phase.block for phase in reading.unwrap().phases] == ["", "storm", "storm", ""]
