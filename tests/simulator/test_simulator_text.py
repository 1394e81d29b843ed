"""Prose, structured values and vectors: deterministic, different, and free of the prompt."""

from __future__ import annotations

import json
import time

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosllm.prints import print_ends, prints
from chaosllm.reference import reference
from chaosllm.simulator.schema import Filler
from chaosllm.simulator.text import WORDS_LEAST, WORDS_MOST, prose, split, vector
from chaosllm.units import estimate_tokens


@given(st.integers(0, 2**32), st.text(max_size=200))
def test_prose_follows_from_seed_and_prompt(seed, prompt):
    """The same seed and prompt give the same 40 to 120 words, each one token by the proxy's count."""
    words = prose(seed, prompt)
    assert words == prose(seed, prompt)
    assert WORDS_LEAST <= len(words) <= WORDS_MOST
    assert {estimate_tokens(word) for word in words} == {1}
    text = "".join(words)
    assert text[0].isupper()
    assert text.endswith(".")
    assert text.split() == [word.strip() for word in words]


def test_prose_is_the_same_on_every_machine():
    """The words of one seed and prompt are fixed by this test: a recorded run stays comparable."""
    assert "".join(prose(1, "x")).startswith("One dusty valley collected the baker, but the long castle covered")


def test_prints_tell_answers_apart():
    """No cut answer among 400 can be taken for another's whole answer, nor for its own."""
    key = b"k" * 16
    texts = ["".join(prose(7, f"Question {reference(index, 7)}")) for index in range(400)]
    assert len(set(texts)) == 400
    found = [set(prints(text, key)) for text in texts]
    for at, text in enumerate(texts):
        half = len(text) // 2
        withheld = set(print_ends(text[half:], key)[0])
        assert not withheld <= set(prints(text[:half], key))
        assert not any(withheld <= found[other] for other in range(400) if other != at)


def test_nonce_changes_words_but_not_their_number():
    """Users who differ by their operation reference alone get other words of nearly equal length."""
    answers = [prose(7, f"How do I pay? {reference(index, 7)}") for index in range(50)]
    lengths = [len(answer) for answer in answers]
    assert max(lengths) - min(lengths) <= 20
    assert len(set(answers)) == 50
    assert not any("ref:" in word for answer in answers for word in answer)


@given(st.text())
def test_split_loses_nothing(text):
    """The pieces of a text join back to it, and none is longer than a token."""
    pieces = split(text)
    assert "".join(pieces) == text
    assert all(len(piece) <= 12 for piece in pieces)


def test_vectors():
    """Embeddings are unit vectors, equal for equal texts, near for texts that share words, far for others."""
    one, two, far = (vector(7, text, 256) for text in ("red green blue", "red green black", "piano sonata"))

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert one == vector(7, "red green blue [ref:00000001]", 256)
    assert cosine(one, one) == pytest.approx(1)
    assert cosine(one, two) > 0.5 > abs(cosine(one, far))


SCHEMAS = [
    {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}}, "required": ["city"]},
    {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 5, "multipleOf": 2}}},
    {"type": "object", "properties": {"x": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}}, "required": ["x"]},
    {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"const": 4}, "c": {"type": "boolean"}}},
    {"type": "array", "items": {"type": "string", "minLength": 30, "maxLength": 40}, "minItems": 4},
    {"type": "object", "properties": {"d": {"type": "string", "format": "date"}, "e": {"format": "email"}}},
    {"anyOf": [{"type": "null"}, {"type": "object", "required": ["k"], "properties": {"k": {"type": "integer"}}}]},
    {"allOf": [{"required": ["p"]}, {"properties": {"p": {"type": "integer"}}}], "type": "object"},
    {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["value", "next", "children"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/node",
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("prompt", ["a", "b", "c"])
def test_filled_schemas_validate(schema, prompt):
    """A value made for a schema satisfies it, by a validator that we did not write."""
    value = Filler(7, prompt, schema).fill(schema)
    jsonschema.Draft202012Validator(schema).validate(value)
    assert value == Filler(7, prompt, schema).fill(schema)


KEYWORDS = ["type", "properties", "items", "enum", "anyOf", "allOf", "required", "minimum", "maximum", "multipleOf"]
KEYWORDS += ["minItems", "maxItems", "minLength", "maxLength", "$ref"]
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["object", "integer"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=100)
def test_any_schema_is_survived(schema):
    """A schema that makes no sense still gets some value."""
    Filler(7, "p", schema).fill(schema)


def test_endless_schema_ends():
    """A schema that refers to itself from eight required properties takes no time to speak of."""
    names = [f"p{number}" for number in range(8)]
    schema = {"type": "object", "properties": {name: {"$ref": "#"} for name in names}, "required": names}
    begin = time.process_time()
    Filler(7, "p", schema).fill(schema)
    assert time.process_time() - begin < 5


def test_types_in_upper_case():
    """Gemini's schemas name their types in upper case, and are filled all the same."""
    said = {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER"}, "all": {"type": "ARRAY", "items": {"type": "STRING"}}},
    }
    lower = json.loads(
        json.dumps(said),
        object_hook=lambda one: one | {"type": one["type"].lower()} if isinstance(one.get("type"), str) else one,
    )
    value = Filler(7, "p", said).fill(said)
    assert value == Filler(7, "p", lower).fill(lower)
    jsonschema.Draft202012Validator(lower).validate(value)
