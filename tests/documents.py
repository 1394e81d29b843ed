"""Scenarios by chance: grown from the shipped JSON Schema, so that they follow the grammar, and then broken.

A document is decided by its seed alone, so that one that fails can be read again.
"""

import json
import random
import re
from copy import deepcopy
from pathlib import Path

import yaml

import chaosllm

SCHEMA = json.loads((Path(chaosllm.__file__).parent / "schema" / "scenario.json").read_text())
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast

#: Files that a document may name, and what they hold.
FILES = {
    "part.yaml": "hypothesis: it holds\n",
    "phase.yaml": "{name: included, duration: 5s}\n",
    "rule.yaml": "{fault: hang}\n",
    "upstream.yaml": "{provider: openai, url: simulator}\n",
    "objective.yaml": "success_rate(storm) >= 5%\n",
    "stop.yaml": "success_rate(last 10s) < 20%\n",
    "prompts.txt": "hello\nhow are you\n",
    "prompts.csv": "prompt,city\nhello,Rome\n",
    "times.txt": "1s\n2s\n5s\n",
    "locustfile.py": "from locust import HttpUser\n\n\nclass One(HttpUser):\n    pass\n",
    "ca.pem": "-----BEGIN CERTIFICATE-----\n",
}
#: What free text stands for: by its key, else by its definition.
_TEXTS = {
    "prompts": ["prompts.txt", "prompts.csv"], "locustfile": ["locustfile.py"], "ca": ["ca.pem"],
    "empirical": ["times.txt"], "file": ["times.txt"], "times": ["times.txt"], "url": ["http://127.0.0.1:8000"],
    "with": ["storm.0", "other.0"], "until": ["2030-01-31"], "ready": ["/healthz"], "method": ["POST", "GET"],
    "endpoint": ["chat", "*"], "key": ["sha256:1a2b3c4d"], "event": ["error"], "hosts": ["api.openai.com"],
    "objectives": ["success_rate(storm) >= 95%", "latency_p95(storm) <= 2 * latency_p95(baseline)",
                   "time_to_recover <= 30s", "truncated_accepted(other) == 0"],
    "stop_when": ["success_rate(last 10s) < 20%", "latency_p95(last 5s) > 9s"],
    "http": ["/healthz", "http://127.0.0.1:8000/healthz"], "prometheus": ["http://127.0.0.1:9090"], "query": ["up"],
    "safety_lever": ["/run/chaos-off"],
    "Name": ["storm", "a-b"], "PhaseName": ["storm", "other"], "Route": ["/chat/{prompt}", "/"],
    "Regex": ["a+", "x|y"], "JsonPath": ["$.answer", "$.a[0]"], "FileName": ["times.txt"],
    "Expression": ["success_rate(storm) >= 95%"], "CookieName": ["theme"],
    "side_effects": ["send_email"],
}  # fmt: skip
_INCLUDED = {"phases": "phase", "rules": "rule", "upstreams": "upstream", "objectives": "objective",
             "stop_when": "stop"}  # fmt: skip
_WHOLE = {
    "parameters": [{"a": 40}, {}],
    "vary": [{"seed": [3]}, {"load.rate": ["2/s"]}],
    "schema": [{"type": "object"}],
    "json": [{"message": "{prompt}"}, ["{prompt}", None]],
    "include": ["part.yaml", ["part.yaml"]],
}
_WORDS = ("a", "hello {prompt}", "gpt-4*", "x-degraded", "openai")


def loading(name):
    """What a file holds that a document names."""
    if name not in FILES:
        raise FileNotFoundError(2, "No such file", name)
    return FILES[name]


class _Grower:
    """Data that fits the schema, or nearly: it is looser than the reader."""

    def __init__(self, rng):
        self.rng = rng
        self.met = set()  # (definition, key) of what it has written
        self.density = rng.choice((0.02, 0.1, 0.2, 0.5))  # of optional keys

    def grow(self, schema, key="", depth=0, named=""):
        if "$ref" in schema:
            named = schema["$ref"].rsplit("/", 1)[-1]
            if named == "Include":
                return {"include": f"{_INCLUDED[key]}.yaml"}
            return self.grow(SCHEMA["$defs"][named], key, depth, named)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        if schema.get("additionalProperties") is False and "properties" in schema:
            return self.mapping(schema, depth, named)
        if "anyOf" in schema:
            return self.grow(self.branch(schema["anyOf"], key), key, depth, named)
        return self.leaf(schema, key, depth, named)

    def branch(self, branches, key):
        """One of them; rarely what stands for nothing, or for another file."""
        rare = [one for one in branches if one.get("type") == "null" or one.get("$ref") == "#/$defs/Include"]
        common = [one for one in branches if one not in rare and one.get("$ref") != "#/$defs/Parameter"
                  and {"$ref", "type", "enum", "const", "anyOf"} & set(one)]  # fmt: skip
        if key == "phases":
            common = [one for one in common if one["$ref"].endswith("Phase")] * 8 + common
        return self.rng.choice(rare if rare and self.rng.random() < 0.04 else common)

    def mapping(self, schema, depth, named):
        wanted = set(schema.get("required", ())) or (depth == 0 and {"version", "name", "upstreams", "phases"}) or set()
        chance = self.density if depth < 8 else 0.0
        keys = [key for key in schema["properties"] if key in wanted or self.rng.random() < chance]
        if not keys and depth:  # one at least, because most mappings are a choice
            keys = [self.rng.choice(list(schema["properties"]))]
        found = {}
        self.met |= {(named, key) for key in keys}
        for key in keys:
            if key in _WHOLE:
                found[key] = deepcopy(self.rng.choice(_WHOLE[key]))
            else:
                found[key] = self.grow(schema["properties"][key], key, depth + 1)
        return found

    def leaf(self, schema, key, depth, named):
        match schema.get("type"):
            case "array":
                items = schema.get("items", {"type": "string"})
                count = self.rng.choice((1, 1, 2, 3)) if key != "command" else 2
                return [self.grow(items, key, depth + 1) for _ in range(max(count, schema.get("minItems", 0)))]
            case "object":
                inner = schema.get("additionalProperties")
                keys = self.rng.sample(("x-a", "b", "c_d"), self.rng.choice((1, 2)))
                return {one: self.grow(inner, "", depth + 1) if isinstance(inner, dict) else 1 for one in keys}
            case "integer" | "number":
                low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
                return self.rng.randint(int(low) + ("exclusiveMinimum" in schema), min(schema.get("maximum", 600), 600))
            case "boolean":
                return self.rng.random() < 0.5
            case "null":
                return None
        return self.rng.choice(schema.get("examples") or _TEXTS.get(key) or _TEXTS.get(named) or _WORDS)


def grown(rng, met=None):
    """A document of the grammar; most are mended where the schema cannot say what belongs together.

    `met` takes (definition, key) of what was written.
    """
    grower = _Grower(rng)
    data = grower.grow(SCHEMA)
    if met is not None:
        met |= grower.met
    return _mended(rng, data) if rng.random() < 0.9 else data


def keys_of_the_grammar():
    """(definition, key) of all that the schema lets an author write, but for what stands for other values."""
    known = [
        ("", SCHEMA),
        *((name, one) for name, one in SCHEMA["$defs"].items() if name not in ("Include", "Parameter")),
    ]
    return {(name, key) for name, one in known for key in one.get("properties", ())}


def _mended(rng, data):
    data["upstreams"] = [{"provider": "openai", "url": "simulator", **({"ca": "ca.pem"} if rng.random() < 0.1 else {})}]
    phases = data["phases"]
    for at, phase in enumerate(phases):
        phase.pop("role", None)
        phase.pop("block", None)
        if "include" not in phase:
            phase["name"] = ("storm", "other", "third")[at]
        if "duration" in phase:
            phase["duration"] = rng.choice(("60s", "5m", "2m30s"))
        for rule in phase.get("rules") or ():
            rule.pop("name", None)
    phases.insert(0, {"name": "baseline", "duration": "60s"})
    phases.append({"name": "recovery", "duration": "90s"})
    if "target" in data and "operation" in data["target"]:
        data["target"].pop("operations", None)
    if "load" in data and rng.random() < 0.8:
        data["load"].pop("locustfile", None)
    for probe in data.get("stop_when") or ():
        if isinstance(probe, dict):
            for key in ("every", "timeout"):  # the schema lets 0 stand for no unit
                probe.update({key: "2s"} if key in probe else {})
            if "query" in probe:
                probe.pop("above", None)
                probe["below" if "below" in probe else "above"] = 0.5
    for key in ("limits", "accept", "objectives"):
        if rng.random() < 0.5:
            data.pop(key, None)
    return data


_ODD = (
    None,
    True,
    False,
    0,
    -1,
    1,
    3.5,
    10**17,
    -(10**17),
    1e300,
    "",
    " ",
    "no",
    "1:30",
    "012",
    "40",
    "40%",
    "140%",
    "-5s",
    "60s",
    "60 S",
    "20/s",
    "20",
    "9" * 60 + "d",
    "1e999",
    "2 USD",
    "ever",
    "\u00e9\u4e2d\U0001f600",
    "\u202eabc",
    "a\x85b",
    "x" * 5000,
    "(" * 200,
    "../../etc/passwd",
    "/etc/passwd",
    "gone.txt",
    "${a}",
    "${a:-3}",
    "${",
    "${a:-${b}}",
    "$${a}",
    "${env:HOME}",
    "{prompt}",
    "{column}",
    "*",
    "[",
    "2026-01-01",
    "<<",
    "!!x",
    "storm.0",
    [],
    {},
    [[]],
    [None],
    {"": 1},
    {"a": {"b": []}},
    ["40%", 1],
    {"include": "gone.yaml"},
    {"include": "rule.yaml"},
    {"share": "40%"},
)
_UNITS = ("s", "ms", "m", "h", "d", "%", "/s", "/min", " tokens", " USD", "", "S", "sec", " %", "us")


def places(data, path=()):
    """Every path in plain data."""
    for key, child in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from places(child, (*path, key))


def broken(rng, data):
    """The same with a few values and keys changed, in place."""
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        every = list(places(data))
        if not every:
            return data
        *path, last = rng.choice(every)
        inner = data
        for part in path:
            inner = inner[part]
        _change(rng, data, inner, last)
    return data


def _change(rng, data, inner, last):
    match rng.randrange(8):
        case 0:
            del inner[last]
        case 1:
            inner[last] = deepcopy(rng.choice(_ODD))
        case 2:
            inner[last] = rng.choice(([inner[last]], {"value": inner[last]}, str(inner[last])))
        case 3 if isinstance(inner, dict):  # a typing mistake in the key
            at = rng.randrange(len(last)) if last else 0
            inner[last[:at] + rng.choice(("", "e", "-", " ", "\u00e9")) + last[at + 1 :]] = inner.pop(last)
        case 4 if isinstance(inner, dict) and len(inner) > 1:  # two values swapped
            other = rng.choice(list(inner))
            inner[last], inner[other] = inner[other], inner[last]
        case 5 if isinstance(inner, list) and len(inner) < 50:
            inner.append(inner[last])  # the same object, which is written as an alias
        case 6 if isinstance(inner[last], str):
            inner[last] = re.sub(r"[^\d.]*$", rng.choice(_UNITS), inner[last], count=1)
        case 7:  # a part of the document at another place
            inner[last] = deepcopy(data.get(rng.choice(list(data)))) if data else None
        case _:
            inner[last] = deepcopy(rng.choice(_ODD))


_TYPED = "abn019 :-{}[]\"'\n\t,#&*!|>%@?~.<=x$\x00\u00e9\u2028\ud800\ufeff"


def mistyped(rng, text):
    """The same text with a few slips of the keyboard."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0:
                lines.insert(at, lines[at])
            case 1:
                del lines[at]
            case 2:
                lines[at] = rng.choice(("\t", " ", "   ", "- ", "---", "&a ", "*a", "? ", "!t ")) + lines[at]
            case 3:
                lines[at] = lines[at].replace(
                    ": ", rng.choice((": &a ", ": *a ", ":", ": !t ", ": |", ": ? ", ": '")), 1
                )
            case 4:
                place = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + rng.choice(_TYPED) + lines[at][place + rng.randrange(3) :]
            case 5:
                lines[at:] = lines[at : at + rng.randrange(3)]
        text = "\n".join(lines) or "\n"
    return text


def written(rng, data):
    """YAML text of plain data."""
    flow = rng.choice((None, False, True))
    return yaml.dump(data, Dumper=_DUMPER, allow_unicode=True, sort_keys=False, default_flow_style=flow, width=100)


def document(seed, met=None):
    """(kind, text or bytes) of a document; for `met` see `grown`."""
    rng = random.Random(seed)
    kind = rng.choices(("grown", "broken", "mistyped", "text", "bytes"), (45, 27, 16, 8, 4))[0]
    match kind:
        case "grown":
            return kind, written(rng, grown(rng, met))
        case "broken":
            return kind, written(rng, broken(rng, grown(rng)))
        case "mistyped":
            return kind, mistyped(rng, written(rng, grown(rng)))
        case "text":
            return kind, "".join(rng.choices(_TYPED, k=rng.randrange(80)))
    return kind, rng.randbytes(rng.randrange(60))
