"""The OpenAPI document: of every route and command, with examples that the API takes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from fake_desk import FakeDesk

from chaosllm.adapters.console.app import app
from chaosllm.commands.ctl import command as ctl
from chaosllm.live.openapi import COMMANDS, openapi

DOCUMENT = openapi("1.2.3")
CONTROL = (Path(__file__).parents[2] / "docs" / "control.md").read_text(encoding="utf-8")


def test_every_route_under_v1_is_described() -> None:
    """With its method; the others are the page."""
    routes = {route.path: route.methods - {"HEAD"} for route in app(FakeDesk()).routes}  # type: ignore[attr-defined]
    described = {path: {method.upper() for method in ways} for path, ways in DOCUMENT["paths"].items()}
    assert described == {path: ways for path, ways in routes.items() if path.startswith("/v1")}


@pytest.mark.parametrize("do", COMMANDS)
def test_every_command_has_an_example_that_fits(do: str) -> None:
    """Its schema takes its example, and no other's; the page tells of it; ctl has it."""
    schema = {**DOCUMENT["components"]["schemas"]["Command"], "components": DOCUMENT["components"]}
    examples = DOCUMENT["paths"]["/v1/commands"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(examples[do]["value"])
    assert not validator.is_valid({**examples[do]["value"], "do": "other"})
    for needed in COMMANDS[do].needs:
        assert not validator.is_valid({key: value for key, value in examples[do]["value"].items() if key != needed})
    assert f"chaosllm ctl {do}" in CONTROL
    assert do in ctl.commands  # type: ignore[attr-defined]


def test_what_the_document_refers_to_is_there() -> None:
    """Each reference leads to a schema of the document, and every answer of an error is described on the page."""
    text = json.dumps(DOCUMENT)
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == DOCUMENT["components"]["schemas"].keys()
    for ways in DOCUMENT["paths"].values():
        for way in ways.values():
            assert all(status in CONTROL for status in way["responses"] if status not in ("204",))


def test_the_events_of_a_day_are_as_described() -> None:
    """State and events of a fake day fit their schemas."""
    desk = FakeDesk()
    desk.open()
    desk.begin()
    for _ in range(55):
        desk.advance()
    schemas = DOCUMENT["components"]["schemas"]
    jsonschema.validate(desk.hub.state, schemas["State"])
    for event in desk.hub.since(0) or ():
        jsonschema.validate(event, schemas["Event"])
