"""The rules of a scenario: each fault's own fields, when it fires, and whether it ever can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chaosllm import scenario as model
from chaosllm.call import Call
from chaosllm.faults import Demanding, Fault, Selective
from chaosllm.language.diagnosis import diagnose
from chaosllm.language.kinds import check_path
from chaosllm.language.match import MatchFile, can_match, could_fit, match_of
from chaosllm.language.model import RuleFile
from chaosllm.language.when import senseless, trigger_of
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.registry import UnknownMember, member, members
from chaosllm.spelling import cut, nearest, shorten, suggest

RULES_AT_MOST = 1_000  # of a scenario, all phases together
HEAD = ("fault", "when", "match", "name")  # what every rule may hold


def check_rules(
    document: Document, problems: Problems, providers: list[str], load: Callable[[str], str] | None
) -> dict[tuple[int, int], model.Rule]:
    """The sound rules by (phase, number); what is wrong with the others is noted."""
    rules: dict[tuple[int, int], model.Rule] = {}
    names: dict[str, Path] = {}
    written = list(_written(document))
    if len(written) > RULES_AT_MOST:
        what = f"{len(written):,} rules, expected at most {RULES_AT_MOST:,}"
        problems.add(
            document.where_key(("phases",)), what, "each call is held against all rules of its phase: use fewer"
        )
        return rules
    for at, number, phase, rule in written:
        if problems.full:
            return rules
        path: Path = ("phases", at, "rules", number)
        if not isinstance(rule, dict):
            example = "{fault: rate_limit, when: {share: 40%}}"
            problems.add(document.where(path), f"found {shorten(rule)}, expected a rule", f"such as {example}")
            continue
        found = _Rule(document, problems, path, rule, f"{phase}.{number}").read(providers, load)
        if found is None:
            continue
        if found.name in names and "name" in rule:
            line = document.where(names[found.name]).line
            where = document.where((*path, "name"))
            problems.add(where, f"there are two rules `{found.name}`", f"the first is on line {line}")
        names.setdefault(found.name, path)
        rules[at, number] = found
    return rules


def _written(document: Document) -> Iterator[tuple[int, int, Any, Any]]:
    """(place of the phase, number in it, name of the phase, rule) of whatever stands where rules do."""
    phases = document.data.get("phases")
    for at, phase in enumerate(phases if isinstance(phases, list) else []):
        listed = phase.get("rules") if isinstance(phase, dict) else None
        for number, rule in enumerate(listed if isinstance(listed, list) else []):
            yield at, number, phase.get("name") or at, rule


class _Rule:
    def __init__(self, document: Document, problems: Problems, path: Path, data: dict[str, Any], name: str) -> None:
        self.document = document
        self.problems = problems
        self.path = path
        self.data = data
        self.name = name

    def add(self, path: Path, what: str, hint: str = "") -> None:
        self.problems.add(self.document.where((*self.path, *path)), what, hint)

    def read(self, providers: list[str], load: Callable[[str], str] | None) -> model.Rule | None:
        kind = self.kind()
        head = self.head()
        fault = self.fault(kind) if kind is not None else None
        if head is None or fault is None:
            return None
        fault, when = self.loaded(fault, load), self.loaded(trigger_of(head.when), load)
        self.sense(head, fault, providers)
        if fault is None or when is None:
            return None
        where = self.document.where((*self.path, "fault"))
        return model.Rule(head.name or self.name, fault, when, match_of(head.match), where)

    def head(self) -> RuleFile | None:
        own = {key: value for key, value in self.data.items() if key in HEAD}
        try:
            return RuleFile.model_validate_json(json.dumps(own), strict=True)
        except ValidationError as error:
            diagnose(error, self.document, self.path, self.problems, schema=RuleFile.model_json_schema)
        return None

    def kind(self) -> Any:
        name = self.data.get("fault")
        if not isinstance(name, str):
            if "fault" not in self.data:
                where = self.document.where(self.path)
                if meant := nearest("fault", (key for key in self.data if key not in HEAD)):
                    where = self.document.where_key((*self.path, meant[0]))
                    self.problems.add(where, f"unknown key `{meant[0]}`", "did you mean `fault`?", same="fault")
                    return None
                hint = f"expected one of {', '.join(members('faults'))}"
                self.problems.add(where, "`fault` is missing in this rule", hint, same="fault")
            return None
        try:
            return member("faults", name)
        except UnknownMember as error:
            self.add(("fault",), error.what, error.hint)
        return None

    def fault(self, kind: Any) -> Fault | None:
        own = {key: value for key, value in self.data.items() if key not in HEAD}
        adapter = adapter_of(kind)
        try:
            fault: Fault = adapter.validate_json(json.dumps(own), strict=True)
        except ValidationError as error:
            diagnose(error, self.document, self.path, self.problems, schema=adapter.json_schema, also=HEAD)
            return None
        return fault

    def loaded(self, part: Any, load: Callable[[str], str] | None) -> Any:
        """The fault or the trigger with the files that it names; None when one cannot be used."""
        names: tuple[str, ...] = part.files() if hasattr(part, "files") else ()
        texts = {}
        for name in names:
            path = self.leaf(name)
            try:
                check_path(name)
                if load is not None:
                    texts[name] = load(name)
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                self.add(path, f"{cut(name)} cannot be read: {why}", "a path is relative to the scenario")
                return None
        if not names or load is None:
            return part
        try:
            return part.with_files(texts)
        except ValueError as error:
            self.add(self.leaf(names[0]), str(error))
        return None

    def leaf(self, text: str) -> Path:
        """The path, inside the rule, of the value `text`."""
        size = len(self.path)
        for path in self.document.values:
            if len(path) > size and path[:size] == self.path:
                value: Any = self.data
                for part in path[size:]:
                    value = value[part]
                if value == text:
                    return path[size:]
        return ()

    def sense(self, head: RuleFile, fault: Any, providers: list[str]) -> None:
        """What is well formed and yet cannot be meant."""
        when = head.when
        if fault is not None and fault.live and "when" in self.data:
            deciding = next((name for name in ("buckets", "budget") if getattr(fault, name, None) is not None), "")
            what = f"found `when` beside `{deciding}`" if deciding else f"found `when` on {fault.name}"
            self.add(("when",), what, "live limits decide for themselves when they fire: leave one of the two out")
        if getattr(fault, "buckets", None) is not None and "kind" in self.data:
            hint = "the limit that is reached says its own kind: leave one of the two out"
            self.add(("kind",), "found `kind` beside `buckets`", hint)
        for key, (other, values) in getattr(fault, "only_with", {}).items():
            if key in self.data and getattr(fault, other) not in values:
                what = f"found `{key}` with {other}: {getattr(fault, other)}, where it means nothing"
                self.add((key,), what, f"leave it out, or write {other}: {_either(values)}")
        for where, what, hint in senseless(when):
            self.add(("when", *where), what, hint)
        if (size := head.match.prompt_tokens) is not None and size.to is not None and size.to < size.from_:
            self.add(
                ("match", "prompt_tokens"), "found a range that ends before it begins", "`from` must be below `to`"
            )
        if getattr(fault, "at_accept", False) and when.load is not None:
            self.add(
                ("when", "load"), "found `load` on a rule that strikes at accept", "it counts calls: write a burst"
            )
        if getattr(fault, "at_accept", False) and set(self.data.get("match") or {}) - {"provider"}:
            self.add(
                ("match",), "found a match on a rule that strikes at accept", "nothing but the provider is known then"
            )
        if not providers:
            return  # that is said where the upstreams stand
        reached = [name for name in providers if can_match(head.match, name)]
        if not reached:
            wanted = ", ".join(head.match.provider) or "this match"
            hint = (
                suggest(wanted, providers) if len(head.match.provider) == 1 else f"upstreams has {', '.join(providers)}"
            )
            path: Path = ("match", "provider") if head.match.provider else ("match",)
            self.add(path, f"no upstream fits {cut(wanted)}, so the rule can never fire", hint)
            return
        if self.able(fault, reached) and not getattr(fault, "at_accept", False):
            self.strikes(fault, head.match, reached)

    def strikes(self, fault: Any, match: MatchFile, reached: list[str]) -> None:
        """A match and a fault that no call can meet both."""
        kinds = [getattr(member("providers", name), "kinds_of_call", None) for name in reached]
        calls = [call for some in kinds for call in some or ()]
        if None in kinds:  # a plugin that does not say
            return
        met = [call for call in calls if could_fit(match, call)]
        if not met:
            endpoints = list(dict.fromkeys(call.endpoint for call in calls))
            unknown = [glob for glob in match.endpoint if not any(fnmatchcase(name, glob) for name in endpoints)]
            if len(unknown) == len(match.endpoint) > 0:
                what = f"no endpoint fits {cut(', '.join(unknown))}, so the rule can never fire"
                self.add(("match", "endpoint"), what, suggest(unknown[0], endpoints))
            else:
                self.add(("match",), "no call fits this match, so the rule can never fire", "leave a part of it out")
        elif isinstance(fault, Selective) and not any(fault.applies(call) for call in met):
            what = f"{self.data['fault']} strikes no call that fits this match, so the rule can never fire"
            self.add(("match",), what, struck_words([call for call in calls if fault.applies(call)]))

    def able(self, fault: Any, reached: list[str]) -> bool:
        """Whether each provider that the rule reaches can do what the fault asks; what one cannot do is noted."""
        if not isinstance(fault, Demanding):
            return True
        # A provider that does not say what it can do, such as a plugin's, is taken to be able to do anything.
        abilities = {name: getattr(member("providers", name), "abilities", None) for name in reached}
        sound = True
        for need in dict.fromkeys(fault.needs()):
            lacking = [name for name, can in abilities.items() if can is not None and need not in can]
            if lacking:
                sound = False
                able = [name for name in reached if name not in lacking]
                told = [
                    _can(abilities[name] or frozenset(), need, name if len(lacking) > 1 else "") for name in lacking
                ]
                hint = "; ".join(dict.fromkeys(told)) + (
                    f"; or narrow the rule: match: {{provider: [{', '.join(able)}]}}" if able else ""
                )
                self.add(self.asker(need), f"{' and '.join(lacking)} {_lacks(need, several=len(lacking) > 1)}", hint)
        return sound

    def asker(self, need: str) -> Path:
        """The path, inside the rule, of what asks for an ability."""
        area, _, what = need.partition("/")
        if area == "limit_headers":
            return ("headers",) if self.data.get("headers") == "lie" else ("retry_after",)
        for key in (area, f"{area}s"):  # retry_after, should_retry, buckets
            if key in self.data and key != "fault":
                return (key,)
        same = (key for key, value in self.data.items() if value == what and key not in HEAD)
        return (next(same, "fault"),)


@cache
def adapter_of(kind: type) -> TypeAdapter[Any]:
    """Reads a fault's own fields; built once for a class, because building takes milliseconds."""
    return TypeAdapter(kind)


def _lacks(need: str, *, several: bool = False) -> str:
    """What providers without this ability lack, in words."""
    area, _, what = need.partition("/")
    said = what.replace("_", " ")
    has, sends, keeps = ("have", "send", "keep") if several else ("has", "sends", "keeps")
    match area:
        case "rate_limit" | "quota" | "overload" | "error":
            return f"{has} no {area} of kind {what}"
        case "stream_error":
            return f"{has} no error of kind {what} inside a stream"
        case "bucket":
            return f"{keeps} no limit by {said}"
        case "limit_headers":
            return f"{sends} no rate-limit headers"
        case "retry_after":
            return f"{sends} no retry-after-ms" if what == "ms" else f"{sends} no retry-after in {what}"
        case "should_retry":
            return f"{sends} no x-should-retry"
        case "drop" | "replace" | "repeat":
            return f"{has} no {said} to {area}"
        case "form":
            return f"{has} no error of form {what}"
        case "refusal" | "filter":
            return f"{has} no {'partial answer' if what == 'partial' else what} that ends by {area}"
    return f"{has} no {need.replace('/', ' ').replace('_', ' ')}"


#: What works in place of a header that a provider does not send.
_INSTEAD = {
    "limit_headers": "leave it out",
    "retry_after": "a wait such as 2s works: any gateway may send it",
    "should_retry": "leave it out",
}


def _can(abilities: frozenset[str], need: str, name: str) -> str:
    """What a provider can do in the area of an ability that it lacks; `name` opens the words where several lack it."""
    it, area = name or "it", need.partition("/")[0]
    if area in _INSTEAD:
        return _INSTEAD[area]
    found = sorted(ability.partition("/")[2] for ability in abilities if ability.startswith(f"{area}/"))
    if found:
        return f"what {it} has: {', '.join(found)}"
    if area == "form":
        return f"errors of {it} have one form: leave `form` out" if name else "its errors have one form: leave it out"
    if area in ("rate_limit", "quota", "overload", "error", "bucket"):  # what it can refuse with at all
        refusals = {ability.partition("/")[0] for ability in abilities} & {"rate_limit", "quota", "overload", "error"}
        return f"{it} can be told to refuse by {', '.join(sorted(refusals))}" if refusals else f"{it} cannot refuse"
    others = [other for other, can in members("providers").items() if need in getattr(can, "abilities", ())]
    return f"of {', '.join(others)} it can be asked" if others else "no provider can do it"


def _either(words: Sequence[str]) -> str:
    """Words of which one is to be chosen: a, b or c."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def struck_words(calls: list[Call]) -> str:
    """Which calls a fault strikes, in words."""
    for said, words in (("embeds", "calls for vectors"), ("stream", "streams"), ("tools", "calls that offer tools")):
        if calls and all(getattr(call, said) for call in calls):
            return f"it strikes {words} alone"
    if calls and not any(call.stream for call in calls):
        return "it strikes whole answers alone"
    return "it strikes calls for text alone"
