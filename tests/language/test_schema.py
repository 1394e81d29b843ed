"""The JSON Schema: shipped as generated, and no stricter than the reader."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from scenario_text import EXAMPLE, SMALL
from test_reader_mistakes import MISTAKES

import chaosllm
from chaosllm.language.json_schema import build, text
from chaosllm.language.when import WhenFile
from chaosllm.reader import readings
from chaosllm.registry import members

ROOT = Path(chaosllm.__file__).parent
PARTS = {
    "small.yaml": SMALL,
    "a.yaml": "{name: a, duration: 1s}",
    "b.yaml": "[{name: b, duration: 1s}]",
    "o.yaml": "success_rate(storm) > 5%",
    "r.yaml": "fault: hang",
}
VALIDATOR = Draft202012Validator(build())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="pydantic 2.11, pinned there, describes no nested class")
def test_shipped_schema_is_the_generated_one():
    """`chaosllm schema --out chaosllm/schema/scenario.json` has been run since the last change."""
    assert json.loads((ROOT / "schema" / "scenario.json").read_text()) == json.loads(
        text()
    )  # pydantic orders keys by release


def test_every_key_says_what_it_is():
    """An editor has a line to show for each key of the language, the faults' fields included."""
    schema = build()
    bare = [
        (name, key)
        for name, definition in [("", schema), *schema["$defs"].items()]
        for key, found in definition.get("properties", {}).items()
        if not found.get("description")
    ]
    assert bare == []


def offered(schema, path, data):
    """What an editor offers at a place of a document: key -> its line, over the branches that the text there allows."""
    level, here = [schema], data
    for part in path:
        level = [one for found in level for one in branches(schema, found, here)]
        level = [
            found["items"]
            if isinstance(part, int)
            else found.get("properties", {}).get(part, found.get("additionalProperties"))
            for found in level
            if (isinstance(part, int) and "items" in found) or not isinstance(part, int)
        ]
        level = [found for found in level if isinstance(found, dict)]
        here = here[part]
    shown = {}
    for found in (one for every in level for one in branches(schema, every, here)):
        for key, one in found.get("properties", {}).items():
            shown[key] = shown.get(key) or one.get("description", "")
    return shown


def branches(schema, found, here):
    """The parts of a schema without references and choices; of the faults, the one that is written."""
    while "$ref" in found:
        found = schema["$defs"][found["$ref"].rsplit("/", 1)[-1]]
    several = found.get("anyOf") or found.get("oneOf") or ()
    own = found.get("properties", {}).get("fault", {})
    if "const" in own and isinstance(here, dict) and here.get("fault") != own["const"]:
        return
    if {"properties", "items", "additionalProperties"} & set(found):
        yield found
    for one in several:
        if set(one) != {"required"}:
            yield from branches(schema, one, here)


def mappings(data, path=()):
    """(path, mapping) of all mappings in a document."""
    if isinstance(data, dict):
        yield path, data
    for key, child in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from mappings(child, (*path, key))


#: Mappings whose keys are the author's own.
OWN = [(key,) for key in ("headers", "cookies", "failed", "take", "env", "parameters", "vary", "schema")]


def test_an_editor_offers_what_the_library_writes():
    """At each place of each shipped scenario completion has every key that stands there, and hover a line for it."""
    schema, looked_at = build(), 0
    for file in sorted((ROOT.parent / "scenarios").rglob("*.yaml")):
        if file.parent.name in ("suites", "gamedays"):
            continue
        data = yaml.safe_load(file.read_text())
        for path, mapping in mappings(data):
            if "json" in path or path[-1:] in OWN:
                continue
            shown = offered(schema, path, data)
            missing = [key for key in mapping if not shown.get(key)]
            assert missing == [], (file.name, path)
            looked_at += len(mapping)
    assert looked_at > 2000


def test_an_editor_offers_only_what_fits():
    """In a rule the fields are those of its fault; in `when` those of triggers."""
    data = yaml.safe_load(SMALL)
    schema, rule = build(), ("phases", 1, "rules", 0)
    assert "buckets" in offered(schema, rule, data)
    assert "first_token" not in offered(schema, rule, data)
    assert {"share", "outage", "burst"} <= set(offered(schema, (*rule, "when"), data)) <= set(WhenFile.model_fields)


def test_schema_is_a_schema():
    """The dialect's own meta-schema accepts it."""
    Draft202012Validator.check_schema(build())


@pytest.mark.parametrize(
    "sound",
    [
        EXAMPLE,
        SMALL,
        SMALL.replace("share: 40%", "share: 0, window: {from: 0, to: 5s}"),
        SMALL.replace("share: 40%", "share: ' 40 %'"),
        SMALL.replace("duration: 1m", "duration: 1h 2m 3.5s"),
        SMALL.replace("when: {share: 40%}", "buckets: {rpm: 60}"),
        SMALL.replace("rate_limit\n        when: {share: 40%}", "quota\n        budget: 50_000 tokens"),
        SMALL.replace("when: {share: 40%}", "match: {model: [a, b], any: [{attempt: 1}, {not: {operation: [1, 2]}}]}"),
        *(SMALL.replace("fault: rate_limit", f"fault: {fault}") for fault in [
            "stall\n        at: 20 tokens\n        for: ever", "hang\n        for: 60s", "reset\n        at: accept",
            "error\n        status: 418", "error\n        kind: auth", "quota\n        kind: credit",
            "latency\n        first_token: 0\n        tokens: 20/s", "overload\n        shape: stream",
            "latency\n        first_token: {pareto: {min: 1s, alpha: 1.5}}", "truncate\n        shape: tool",
            "rate_limit\n        retry_after: 0",
        ]),
        SMALL + "limits: {max_active_faults: 1}\n",
        SMALL.replace("share: 40%", "share: '${a:-4}%', every: '${b:-3}', of: '${c:-phase}', first: '${d:-1}'")
        + "parameters: {a: 40}\nload: {rate: '${r:-20/s}', arrivals: '${e:-poisson}'}\n",
        SMALL + "vary: {load.rate: [10/s, 20/s], rules.0.when: [{every: 3}, {share: 3%}]}\n",
        SMALL.replace("  - {name: recovery", "  - {name: block, repeat: '${n:-2}', shuffle: true, phases: [{name: a, "
        "duration: 9s}, {name: b, duration: 9s, rules: [{fault: hang}]}]}\n  - {name: recovery"),
        SMALL.replace("name: storm", "name: storm-1\n    block: storm"),
        SMALL.replace("fault: rate_limit", "fault: ${fault:-hang}").replace("60s", "'${seconds:-60s}'"),
        "include: [small.yaml]\n",
        "include: small.yaml\nseed: 3\n",
        SMALL.replace("phases:", "objectives: [include: o.yaml]\nphases:\n  - include: [a.yaml, b.yaml]")
        .replace("- fault: rate_limit\n        when: {share: 40%}", "- include: r.yaml"),
        SMALL + "target: {operation: {path: '/{prompt}', json: [1, {a: null}], good: {schema: {type: object}}}}\n",
    ],
)  # fmt: skip
def test_sound_scenario_fits_the_schema(sound):
    """What the reader takes, the schema takes."""
    found = readings(sound, load=lambda name: PARTS.get(name, "hello\n"))
    assert [problem for reading in found for problem in reading.errors] == []
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(sound))] == []


def test_schema_catches_what_an_editor_should():
    """At least half of the typical mistakes show in an editor before anything is run."""
    caught = 0
    for old, new, _ in MISTAKES:
        try:
            data = yaml.safe_load(SMALL.replace(old, new.replace("@", "", 1), 1))
        except yaml.YAMLError:
            caught += 1  # an editor shows these by itself
        else:
            caught += not VALIDATOR.is_valid(data)
    assert caught > len(MISTAKES) / 2


def test_schema_names_every_fault_and_field():
    """Each fault of the registry has its branch, with a description."""
    schema = build()
    for name, fault in members("faults").items():
        branch = schema["$defs"][f"fault_{name}"]
        assert branch["properties"]["fault"] == {"const": name, "description": fault.summary}
        assert {"when", "match", "name"} <= set(branch["properties"])
        assert branch["description"]
