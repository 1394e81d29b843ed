"""The reader on documents by chance: grown from the grammar, broken, mistyped, and rubbish."""

import re
from collections import Counter

import pytest
from documents import document, keys_of_the_grammar, loading
from soak import count

from chaosllm.reader import readings

BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as YAML 1.1 has it
DOCUMENTS = count(5_000, 100_000)
PARTS = 10


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_a_document_is_read_or_refused(part):
    """A Scenario, or Problems that each stand somewhere in the text; never an exception.

    That the documents are worth reading is held too: two of five that follow the grammar are sound, and all of them
    together write nearly all keys there are.
    """
    kinds, sound, met = Counter(), Counter(), set()
    for seed in range(part, DOCUMENTS, PARTS):
        kind, text = document(seed, met)
        found = readings(text, load=loading)
        text = text if isinstance(text, str) else text.decode(errors="replace")
        lines = len(BREAK.split(text)) + 1  # what is missing at the end stands after it
        for reading in found:
            assert (reading.scenario is None) == bool(reading.errors), seed
            for problem in reading.problems:
                assert problem.what, seed
                there = 1 <= problem.where.line <= lines or problem.where.file != "scenario.yaml"
                assert there or "not shown" in problem.what, (seed, problem)
                assert len(str(problem)) < 1000, seed
        kinds[kind] += 1
        sound[kind] += all(reading.scenario is not None for reading in found)
    assert sound["grown"] > 0.4 * kinds["grown"]
    assert len(kinds) == 5
    wanted = keys_of_the_grammar()
    assert len(met & wanted) > 0.9 * len(wanted), sorted(wanted - met)
