"""A first scenario, commented, from a few answers: text that the reader takes without a warning."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import yaml

from chaosllm.errors import Level, Problem
from chaosllm.faults import Demanding, Fault
from chaosllm.language.rules import adapter_of
from chaosllm.reader import Reading, read
from chaosllm.registry import member, members
from chaosllm.units import format_duration, format_share, parse_rate, parse_share
from chaosllm.wording import fault_words

#: How a rule of each fault may begin, the best first: the first that the provider can play is taken. A fault that is
#: not here begins as its own example does.
_STARTS: dict[str, tuple[dict[str, str], ...]] = {
    "rate_limit": ({"retry_after": "2s"},),
    "quota": ({"kind": "exhausted"}, {"kind": "credit"}, {"kind": "spend"}),
    "overload": ({"shape": "status"},),
    "error": ({"status": "503"},),
    "latency": ({"first_token": "2s"},),
    "refusal": ({"kind": "refusal"}, {"kind": "content_filter"}, {"shape": "status"}),
    "connection": ({"kind": "close"},),
    "drop": ({"what": "finish"}, {"what": "usage"}, {"what": "end"}),
    "model_swap": ({},),
    "usage": ({"shape": "inflated"}, {"shape": "missing"}),
    "tool_call": ({"shape": "invalid"}, {"shape": "repeated"}, {"shape": "unknown_tool"}),
    "stream_error": ({"kind": "overload"}, {"kind": "server"}, {"kind": "rate_limit"}),
}
#: What an objective may say of a fault beside the success of users.
_FINDINGS = {
    "truncate": "truncated_accepted", "drop": "truncated_accepted", "stream_error": "truncated_accepted",
    "content": "sensitive_data_leaked", "hang": "hang", "stall": "hang", "rate_limit": "retry_storm",
    "overload": "retry_storm", "error": "retry_storm", "quota": "quota_retried",
}  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z/$][\w$./:\[\]*?=&@-]*(?<!:)")
_TRAPS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
#: By how much phases are lengthened, and how often at most, until they are long enough to judge.
_LONGER, _TRIES = 1.5, 20
#: Users a second below which no length of a recovery is enough to judge it (20 operations in 30 s), with a margin.
_LEAST_RATE = 1.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What the author said; durations in seconds of warmup, baseline, storm and recovery."""

    provider: str = "openai"
    fault: str = "rate_limit"
    share: str = "30%"
    url: str = "http://127.0.0.1:8000"
    path: str = "/chat"
    field: str = "message"  # of the request's JSON; dots go deeper, `messages` is a list of roles
    answer: str = "$.answer"  # "" where the whole body is the text
    rate: str = "10/s"
    phases: tuple[float, float, float, float] = (5.0, 20.0, 30.0, 30.0)
    name: str = ""


def starts(fault: str, provider: str) -> dict[str, str] | None:
    """The fields of a first rule that this provider can play; None when it can play none."""
    kind, able = member("faults", fault), getattr(member("providers", provider), "abilities", None)
    for fields in _STARTS.get(fault) or (_of_example(kind),):
        made = _made(kind, fields)
        if able is None or not isinstance(made, Demanding) or set(made.needs()) <= able:
            return fields
    return None


def playable(provider: str) -> list[str]:
    """The faults that a provider can play."""
    return [name for name in members("faults") if starts(name, provider) is not None]


def fitted(answers: Answers, modeline: str) -> tuple[str, Reading]:
    """The scenario and its reading, with phases as long as this load needs to judge its objectives."""
    text = written(answers, modeline)
    reading = read(text)
    for _ in range(_TRIES):
        if reading.scenario is None or not any(_too_short(problem) for problem in reading.problems):
            break
        warmup, *others = answers.phases
        baseline, storm, recovery = (float(round(seconds * _LONGER)) for seconds in others)
        answers = replace(answers, phases=(warmup, baseline, storm, recovery))
        text = written(answers, modeline)
        reading = read(text)
    return text, reading


def _too_short(problem: Problem) -> bool:
    return problem.level is Level.WARNING and "`" in problem.what


def written(answers: Answers, modeline: str) -> str:
    """The text of the scenario; `modeline` is where its schema lies, as seen from it."""
    provider, fault = member("providers", answers.provider), member("faults", answers.fault)
    fields = starts(answers.fault, answers.provider) or {}
    made = _made(fault, fields)
    live, words = made.live, fault_words(made)
    share = "" if live else f"{format_share(parse_share(answers.share))} of "
    title = getattr(provider, "title", answers.provider)
    real = next((f"https://{host}" for host in getattr(provider, "hosts", ()) if "*" not in host), "its origin")
    rule = [f"- fault: {answers.fault}", *(f"  {key}: {value}" for key, value in fields.items())]
    if not live:
        rule.append(f"  when: {{share: {format_share(parse_share(answers.share))}}}    # of the calls, by the seed")
    rule.append(f"  match: {{provider: {answers.provider}}}")
    warmup, baseline, storm, recovery = map(format_duration, answers.phases)
    finding = _FINDINGS.get(answers.fault)
    lines = [
        f"# yaml-language-server: $schema={modeline}",
        f"# {fault.summary[:1].upper()}{fault.summary[1:]}.",
        "# `chaosllm explain` says what this will do, `chaosllm list faults` what else can go wrong.",
        "version: 1",
        f"name: {answers.name or f'{answers.provider}-{answers.fault}'.replace('_', '-')}",
        _hypothesis("95% of users still get a good answer, and the app is well again within 15 seconds, "
                    f"when on {share}calls to {title} {words}."),
        "seed: 7    # the same seed breaks the same calls",
        "target:",
        f"  url: {_scalar(answers.url)}    # where your app listens",
        "  operation:    # one request that a user makes of it",
        f"    path: {_scalar(answers.path)}",
        f"    json: {_body(answers.field)}    # {{prompt}} is what the user says",
        *([f"    answer: {_scalar(answers.answer)}    # where the text is in what comes back"] if answers.answer else
          ["    # answer: $.answer    # where the text is, if what comes back is JSON"]),
        "    # degraded: {header: x-degraded}    # how your app marks a fallback answer, if it has any",
        "  timeout: 30s    # the user's patience",
        "upstreams:",
        f"  - {{provider: {answers.provider}, url: simulator}}    # or {real}, with your own key",
        f"load: {{rate: {answers.rate}}}    # users; they come whether or not your app keeps up",
        "phases:",
        f"  - {{name: warmup, duration: {warmup}}}    # thrown away",
        f"  - {{name: baseline, duration: {baseline}}}    # how it is when all is well",
        "  - name: storm",
        f"    duration: {storm}",
        "    rules:",
        *(f"      {line}" for line in rule),
        f"  - {{name: recovery, duration: {recovery}}}",
        "objectives:",
        "  - success_rate(storm) >= 95%",
        *([f"  - {finding}(storm) == 0"] if finding else []),
        "  - time_to_recover <= 15s" if parse_rate(answers.rate) >= _LEAST_RATE else
        "# - time_to_recover <= 15s    # needs a user a second, or more",
        "# stop_when:",
        "#   - success_rate(last 10s) < 20%    # stop everything at once",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _of_example(kind: Any) -> dict[str, str]:
    """The fields of a fault's own example, without what every rule may hold."""
    found = yaml.safe_load(getattr(kind, "example", "{}"))
    own = {key: value for key, value in found.items() if key not in ("fault", "when", "match", "name")}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in own.items()}


def _made(kind: Any, fields: dict[str, str]) -> Fault:
    """The fault with these fields, each spelt as in YAML."""
    data = {key: yaml.safe_load(value) for key, value in fields.items()}
    made: Fault = adapter_of(kind).validate_json(json.dumps(data), strict=True)
    return made


def _hypothesis(text: str) -> str:
    return f"hypothesis: {text}" if ": " not in text and " #" not in text else f"hypothesis: {json.dumps(text)}"


def _scalar(text: str) -> str:
    """A text as YAML takes it for one."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _TRAPS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _body(field: str) -> str:
    if field == "messages":
        return '{messages: [{role: user, content: "{prompt}"}]}'
    body = '"{prompt}"'
    for part in reversed(field.split(".")):
        body = f"{{{_scalar(part)}: {body}}}"
    return body
