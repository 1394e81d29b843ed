"""The control API in words for machines: an OpenAPI 3.1 document, made of one table of commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_RULE = {"type": "string", "description": "A rule's name, as in the state: the phase and its place.",
         "examples": ["storm.0"]}  # fmt: skip
_PHASE = {"type": ["string", "null"], "description": "A phase's name; null or absent: the present one."}
_STEP = {"type": "integer", "minimum": 1, "description": "The number of a step of the game day."}


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one command is spelt: its fields beside `do`, `id` and `who`, those it needs, and an example."""

    summary: str
    fields: Mapping[str, Mapping[str, Any]]
    needs: Sequence[str] = ()
    example: Mapping[str, Any] | None = None


#: Command -> its spelling, in the order in which people meet them.
COMMANDS: Mapping[str, Spelling] = {
    "pause": Spelling("Every rule is held back; load and clock go on.", {}),
    "resume": Spelling("Rules strike again after a pause.", {}),
    "enable": Spelling("Switch a rule on.", {"rule": _RULE}, ("rule",), {"rule": "storm.0"}),
    "disable": Spelling("Switch a rule off; the calls that it holds are let go.", {"rule": _RULE}, ("rule",),
                        {"rule": "storm.0"}),
    "share": Spelling(
        "Change the share of calls that a rule strikes; the draws of calls stay, so that a larger share strikes the "
        "same calls and more.",
        {"rule": _RULE, "share": {
            "description": "A percentage, or a share of 1.",
            "oneOf": [
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}, {"type": "number", "minimum": 0, "maximum": 1},
            ],
        }},
        ("rule", "share"), {"rule": "storm.0", "share": "40%"},
    ),
    "trigger": Spelling(
        "Have a rule strike the next calls that it matches, while its phase is on.",
        {"rule": _RULE, "count": {"type": "integer", "minimum": 1, "default": 1, "description": "How many calls."}},
        ("rule",), {"rule": "storm.0", "count": 1},
    ),
    "extend": Spelling(
        "Let a phase last longer; those after it begin later.",
        {"by": {"type": "string", "description": "A duration with its unit.", "examples": ["30s"]}, "phase": _PHASE},
        ("by",), {"by": "30s"},
    ),
    "end": Spelling("End a phase now; the next one begins.", {"phase": _PHASE}, (), {"phase": None}),
    "note": Spelling("Write a note into the log.", {"text": {"type": "string", "minLength": 1}}, ("text",),
                     {"text": "dashboards show it too"}),
    "stop": Spelling(
        "Stop everything: from within a second on traffic passes clean; what ran is judged and reported, and no later "
        "step of a game day begins.",
        {"text": {"type": "string", "description": "Why."}}, (), {"text": "users complain"},
    ),
    "approve": Spelling("In a game day: let the step begin that waits for approval; `step` guards against a mix-up.",
                        {"step": _STEP}, (), {"step": 1}),
    "skip": Spelling("In a game day: leave a step out, or end the running one alone; without `step` the present one.",
                     {"step": _STEP}, (), {"step": 2}),
}  # fmt: skip

#: Status -> what it says, of every path under /v1.
ERRORS: Mapping[int, str] = {
    401: "The token is missing or wrong.",
    403: "Host, Origin or Sec-Fetch-Site is not that of the console: a page of somebody else asks.",
}
#: As ERRORS, where a body is sent.
BODY_ERRORS: Mapping[int, str] = {
    400: "The body is not a JSON object.",
    413: "The body is larger than 64 kB.",
    415: "The body is not application/json.",
}


def openapi(version: str) -> dict[str, Any]:
    """The document; `version` is chaosllm's."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chaosllm control",
            "version": version,
            "summary": "What goes on in a run, and commands to it.",
            "description": "Served on loopback by every run that can be controlled. The token is in the runtime file "
            "that `chaosllm ctl` reads, and in the fragment of the page's address.",
        },
        "servers": [{"url": "http://127.0.0.1:{port}", "variables": {"port": {"default": "8080"}}}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Command": _command(), "Event": _EVENT, "State": _STATE, "Error": _ERROR},
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/v1/state": {"get": {
            "operationId": "state", "summary": "Everything that is known now.",
            "responses": {"200": _answer("The state.", "State"), **_errors(ERRORS)},
        }},
        "/v1/events": {"get": {
            "operationId": "events",
            "summary": "Each event as it happens, as server-sent events.",
            "description": "Without `after`, and where the events after it are no longer kept, the first message has "
            "`event: state` and the whole state. Every other message is one event, with its seq as id. A comment comes "
            "every 2 s while nothing happens. `event: end` is the last message of a run that is over.",
            "parameters": [
                {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0},
                 "description": "The seq of the last event that is known; only later ones are sent."},
                {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"},
                 "description": "As `after`, which wins."},
            ],
            "responses": {
                "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                **_errors(ERRORS),
            },
        }},
        "/v1/commands": {"post": {
            "operationId": "command", "summary": "Do something.",
            "parameters": [_CHANNEL],
            "requestBody": {"required": True, "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Command"},
                "examples": {
                    do: {"summary": one.summary, "value": {"do": do, **(one.example or {})}}
                    for do, one in COMMANDS.items()
                },
            }}},
            "responses": {
                "200": _answer("Done: the event of the command.", "Event"),
                **_errors({**BODY_ERRORS, **ERRORS,
                           422: "Refused: no such rule, phase or step, or a value that does not fit. It is logged."}),
            },
        }},
        "/v1/heartbeat": {"post": {
            "operationId": "heartbeat",
            "summary": "Say that a console is alive, for the dead-man's switch; the page does so every 2 s.",
            "requestBody": {"required": True, "content": {"application/json": {
                "schema": {"type": "object", "properties": {"console": {"type": "string"}}},
            }}},
            "responses": {"204": {"description": "Heard."}, **_errors({**BODY_ERRORS, **ERRORS})},
        }},
    }  # fmt: skip


def _command() -> dict[str, Any]:
    return {"oneOf": [_one(do, spelling) for do, spelling in COMMANDS.items()]}


def _one(do: str, spelling: Spelling) -> dict[str, Any]:
    common = {
        "id": {"type": "string", "description": "Of the client's choice: a repeat gets the first answer and does "
               "nothing."},
        "who": {"type": "string", "description": "A name, shown after the channel: `console:Ada`."},
    }  # fmt: skip
    return {
        "title": do,
        "description": spelling.summary,
        "type": "object",
        "required": ["do", *spelling.needs],
        "properties": {"do": {"const": do}, **spelling.fields, **common},
    }


def _answer(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _errors(known: Mapping[int, str]) -> dict[str, Any]:
    return {str(status): _answer(known[status], "Error") for status in sorted(known)}


_CHANNEL = {
    "name": "X-Chaosllm-Channel", "in": "header", "schema": {"enum": ["console", "terminal"]},
    "description": "Who speaks; a program that does not say is `api`.",
}  # fmt: skip
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {
        "type": "object", "required": ["what", "hint"],
        "properties": {"what": {"type": "string"}, "hint": {"type": "string", "description": "What would work."}},
    }},
    "examples": [{"error": {"what": "there is no rule storm.1", "hint": "did you mean `storm.0`?"}}],
}  # fmt: skip
_EVENT = {
    "type": "object",
    "required": ["seq", "at", "t", "type", "who"],
    "properties": {
        "seq": {"type": "integer", "description": "Counts from 1 without gaps."},
        "at": {"type": "number", "description": "UNIX seconds."},
        "t": {"type": ["number", "null"], "description": "Seconds of the run; null outside one."},
        "type": {"enum": ["say", "warning", "note", "command", "run", "phase", "tick", "finding", "stop", "step",
                          "approval", "page", "over"]},
        "who": {"type": "string", "examples": ["console:Ada", "terminal:ada", "api", "chaosllm", "lever", "probe"]},
        "set": {"type": "object", "description": "Path in the state -> the value that replaces what is there. Keys "
                "and places in lists are joined by dots."},
        "add": {"type": "object", "description": "Path of a list in the state -> the item that is added, after "
                "`set`."},
    },
    "additionalProperties": True,
    "examples": [{"seq": 17, "at": 1764517444.12, "t": 34.2, "type": "command", "who": "console:Ada", "id": "a1",
                  "do": "share", "args": {"rule": "storm.0", "share": "40%"}, "ok": True, "result": {}, "took": 0.004,
                  "set": {"run.rules.0.share": 0.4}}],
}  # fmt: skip
_LIST = {"type": "array", "items": {"type": "object"}}
_STATE = {
    "type": "object",
    "description": "The fold of all events so far.",
    "required": ["schema", "seq", "kind", "name", "status", "stop", "day", "run", "findings", "commands", "notes",
                 "said"],
    "properties": {
        "schema": {"const": 1},
        "seq": {"type": "integer"},
        "kind": {"enum": ["run", "gameday", "proxy"]},
        "name": {"type": "string"},
        "status": {"enum": ["starting", "waiting", "running", "paused", "stopping", "judging", "over"]},
        "stop": {"type": ["object", "null"], "description": "Why everything stopped: kind, text, who, at."},
        "day": {"type": ["object", "null"], "description": "Of a game day: title, roles, time_box, current, steps."},
        "run": {"type": ["object", "null"], "description": "The run that is on: phases, rules, figures, series."},
        "over": {"type": ["object", "null"], "description": "Once it is over: verdict and exit."},
        "findings": {**_LIST, "description": "Provisional while the run goes on."},
        "commands": _LIST, "notes": _LIST, "said": _LIST,
    },
}  # fmt: skip
