"""What is well formed and yet cannot be run, or not as its author thinks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chaosllm import scenario as model
from chaosllm.arrivals import Recorded
from chaosllm.errors import Level
from chaosllm.language.asking import RequestFile, load_of, operations_of, target_of
from chaosllm.language.bounds import AFTER_FAULT
from chaosllm.language.closed_loop import check_locustfile
from chaosllm.language.model import ScenarioFile
from chaosllm.language.offer import check_shape, compare_phases
from chaosllm.language.places import check_places, places_in
from chaosllm.language.samples import Samples
from chaosllm.language.sessions import check_sessions
from chaosllm.language.timing import check_timing
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.spelling import suggest
from chaosllm.units import format_duration

#: Due times are fixed before the run and kept in memory by two processes, 8 bytes each.
OPERATIONS_AT_MOST = 10_000_000
#: Longer than any soak; beyond it a duration is a typing mistake.
LONGEST = 30 * 86400.0
_OF_SIDE_EFFECTS = "duplicate_side_effect"
_LOGINS = ("session", "token", "auth", "sid", "jwt")  # in names of cookies
_SECRETS = ("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie")


def check_sense(
    document: Document,
    problems: Problems,
    load: Callable[[str], str] | None,
    *,
    whole: ScenarioFile,
    phases: list[model.Phase],
    objectives: list[model.Objective],
) -> None:
    """Note what of a well-formed scenario cannot be meant."""
    checks = _Sense(document, problems, load)
    shape = whole.load.shape
    if shape is not None and not check_shape(document, problems, checks.text, shape=shape, phases=phases):
        return
    if whole.load.cv is not None and whole.load.arrivals != "gamma":
        problems.add(document.where_key(("load", "cv")), "`cv` is of gamma arrivals", "write arrivals: gamma")
    check_timing(document, problems, phases, checks.driven(whole, phases[-1].end), whole.seed)
    checks.limits(whole, phases)
    checks.files(whole)
    checks.operations(whole)
    check_sessions(document, problems, whole)
    checks.names(whole, phases)
    check_locustfile(document, problems, checks.text, whole=whole, phases=phases)
    checks.recoveries(phases, objectives)
    checks.side_effects(whole, objectives)
    checks.warnings(phases)
    if shape is not None and not problems:
        compare_phases(document, problems, checks.offered(whole, phases[-1].end), phases)
    checks.samples(whole, phases, objectives)


@dataclass(frozen=True, slots=True)
class _Sense:
    document: Document
    problems: Problems
    load: Callable[[str], str] | None

    def add(self, path: Path, what: str, hint: str | Callable[[], str] = "", level: Level = Level.ERROR) -> None:
        self.problems.add(self.document.where(path), what, hint, level)

    def limits(self, whole: ScenarioFile, phases: list[model.Phase]) -> None:
        end = phases[-1].end
        if end > LONGEST:
            self.add(("phases",), f"the phases last {end / 86400:.3g} days", "expected at most 30 days")
        elif (
            whole.load.locustfile is None and (due := self.offered(whole, end).expected(0.0, end)) > OPERATIONS_AT_MOST
        ):
            self.add(
                ("load", "rate" if whole.load.shape is None else "shape"),
                f"{due:.3g} operations in {format_duration(end)}, expected at most {OPERATIONS_AT_MOST:,}",
                "lower the rate, or shorten the phases",
            )
        if whole.limits.max_duration is not None and end > whole.limits.max_duration:
            self.add(
                ("limits", "max_duration"),
                f"the phases last {format_duration(end)}, longer than {format_duration(whole.limits.max_duration)}",
                "raise max_duration, or shorten the phases",
            )
        # A simulated provider costs nothing, so there the limit holds by itself.
        if whole.limits.max_spend is not None and any(one.url != "simulator" for one in whole.upstreams):
            self.add(
                ("limits", "max_spend"),
                "max_spend cannot be kept for a real upstream: this version does not add up what a run costs",
                "leave it out; `quota` with `budget: 5 USD` refuses the calls of a phase beyond that",
            )

    def offered(self, whole: ScenarioFile, until: float) -> model.Load:
        """The load, whose files have been looked at."""
        return load_of(whole.load, until, self.load)

    def driven(self, whole: ScenarioFile, until: float) -> model.Load | None:
        """The load by which operations can be counted beforehand; None where nobody drives one, or no such one."""
        asks = whole.target.operation is not None or whole.target.operations is not None
        counted = whole.load.locustfile is None and whole.load.correlate != "none"
        return self.offered(whole, until) if asks and counted else None

    def files(self, whole: ScenarioFile) -> None:
        """Files that the scenario names, where they can be looked at."""
        for at, upstream in enumerate(whole.upstreams):
            path: Path = ("upstreams", at, "ca")
            if upstream.ca is not None and (text := self.text(path, upstream.ca)) is not None and not text.strip():
                self.add(path, f"{upstream.ca} is empty")

    def text(self, path: Path, name: str) -> str | None:
        """What a file holds; None, with the problem noted, when it cannot be read, and where no files are looked at."""
        if self.load is None:
            return None
        try:
            return self.load(name)
        except (OSError, ValueError) as error:
            self.add(path, f"{name} cannot be read: {reason(error)}", "a path is relative to the scenario")
        return None

    def operations(self, whole: ScenarioFile) -> None:
        """What users ask: once each, and so that its calls are known again."""
        target, name = whole.target, whole.load.prompts
        check_places(self.document, self.problems, name, self.text(("load", "prompts"), name) if name else None)
        if target.operation is not None:
            self.operation(target.operation, ("target", "operation"))
            self.prompt(whole, [target.operation], ("target", "operation"))
        if target.operation is not None and target.operations is not None:
            self.add(
                ("target", "operations"),
                "found both `operation` and `operations`",
                "give the one a name and put it into the list",
            )
        first: dict[str, int] = {}
        for at, operation in enumerate(target.operations or ()):
            base: Path = ("target", "operations", at)
            for number, step in enumerate(operation.steps or ()):
                self.operation(step, (*base, "steps", number))
            if operation.steps is None:
                self.operation(operation, base)
            self.prompt(whole, operation.steps or [operation], base)
            if (before := first.setdefault(operation.name, at)) != at:
                line = self.document.where(("target", "operations", before, "name")).line
                self.add(
                    ("target", "operations", at, "name"),
                    f"there are two operations `{operation.name}`",
                    f"the first is on line {line}",
                )

    def names(self, whole: ScenarioFile, phases: list[model.Phase]) -> None:
        """Operations that rules name."""
        asked = whole.load.locustfile is None
        known = [operation.name for operation in whole.target.operations or ()]
        known += [one.name for one in operations_of(whole.target) if "." in one.name]  # steps of sessions
        for at, phase in enumerate(phases):
            for number, rule in enumerate(phase.rules):
                for path, name in _named(rule.match, ("phases", at, "rules", number, "match")):
                    if not asked:
                        hint = "write a number of an operation, or match by path, prompt or model"
                        self.add(path, "a locustfile asks, and its requests have no names", hint)
                    elif name not in known:
                        hint = suggest(name, known) or "target.operations gives names to operations"
                        self.add(path, f"there is no operation `{name}`", hint)

    def prompt(self, whole: ScenarioFile, requests: Sequence[RequestFile], base: Path) -> None:
        """What a user asks has a place for the prompt, which leads from calls to operations."""
        asked = whole.load.locustfile is None  # else the locustfile asks, and headers name its operations
        if asked and whole.load.correlate == "prompt" and "{prompt}" not in "".join(map(_texts, requests)):
            self.add(
                base,
                "no `{prompt}` in json, body or path, so calls cannot be matched to operations",
                'put "{prompt}" where the user\'s text goes, or write load: {correlate: header}',
                Level.WARNING,
            )

    def operation(self, operation: RequestFile, base: Path) -> None:
        """What would run, but not as its author thinks."""
        if operation.json_ is not None and operation.body is not None:
            self.add((*base, "body"), "found both `json` and `body`", "a request has one body: leave one out")
        for name, value in operation.headers.items():
            if name.lower() in _SECRETS and _written_out(value):
                self.add(
                    (*base, "headers", name),
                    f"`{name}` is written out, and the scenario is copied into the run folder",
                    "keep it out of the file: ${env:NAME}",
                    Level.WARNING,
                )
        if operation.cookies and any(name.lower() == "cookie" for name in operation.headers):
            self.add((*base, "cookies"), "found both `cookies` and a header `cookie`", "leave one of them out")
        for name, value in operation.cookies.items():
            if any(word in name.lower() for word in _LOGINS) and _written_out(value):
                self.add(
                    (*base, "cookies", name),
                    f"`{name}` is written out, and the scenario is copied into the run folder",
                    "keep it out of the file: ${env:NAME}",
                    Level.WARNING,
                )

    def recoveries(self, phases: list[model.Phase], objectives: list[model.Objective]) -> None:
        """Objectives on recovery that name a phase in which nothing recovers."""
        roles = {phase.judged_as: phase.role for phase in phases}
        for objective in objectives:
            role = roles.get(objective.phase or "")
            if objective.metric in AFTER_FAULT and role not in (None, model.Role.RECOVERY):
                what = f"{objective.metric} is of a recovery phase, and `{objective.phase}` is {role}"
                self.problems.add(objective.where or self.document.where(()), what, f"write {objective.metric} alone")

    def side_effects(self, whole: ScenarioFile, objectives: list[model.Objective]) -> None:
        """Side effects that nothing could tell, or that nobody named."""
        if not any(one.side_effects for one in operations_of(whole.target)):
            for objective in objectives:
                if objective.metric == _OF_SIDE_EFFECTS:
                    what = f"{objective.metric} looks at declared side effects, and no operation declares any"
                    cure = "add side_effects: [send_email] to the operation, or leave the objective out"
                    self.problems.add(objective.where or self.document.where(()), what, cure)
        elif whole.load.correlate == "none":
            what = "side effects are told by operation, and correlate: none leads no call back to its operation"
            self.problems.add(self.document.where(("load", "correlate")), what, "write correlate: prompt, or header")

    def warnings(self, phases: list[model.Phase]) -> None:
        roles = {phase.role for phase in phases}
        where = self.document.where_key(("phases",))
        if model.Role.FAULT not in roles:
            return
        for role, lost, example in (
            (model.Role.BASELINE, "ratios to the baseline, such as retry_amplification, and time_to_recover",
             "add one before the fault: {name: baseline, duration: 60s}"),
            (model.Role.RECOVERY, "time_to_recover and whether the app recovers at all",
             "add one at the end: {name: recovery, duration: 90s}"),
        ):  # fmt: skip
            if role not in roles:
                self.problems.add(where, f"no {role} phase, so these cannot be judged: {lost}", example, Level.WARNING)

    def samples(self, whole: ScenarioFile, phases: list[model.Phase], objectives: list[model.Objective]) -> None:
        """Objectives that a run would leave undecided, because a phase is too short; of a closed loop nobody knows."""
        if whole.load.locustfile is not None:
            return
        load = self.offered(whole, phases[-1].end)
        if isinstance(load.shape, Recorded) and not load.shape.times:
            return  # their file was not looked at
        samples = Samples(phases, load, whole.seed, target_of(whole.target))
        for short in samples.shortages(objectives):
            if self.problems.full:
                return
            where = short.objective.where or self.document.where(("objectives",))
            self.problems.add(where, short.what, short.cure, Level.WARNING)


def reason(error: Exception) -> str:
    """Why a file could not be loaded, in a few words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _named(match: model.Match, path: Path) -> Iterator[tuple[Path, str]]:
    """The operations that a match names, with the path of each."""
    yield from (((*path, "operation"), name) for name in match.operation if isinstance(name, str))
    if match.not_ is not None:
        yield from _named(match.not_, (*path, "not"))
    for key, several in (("any", match.any_), ("all", match.all_)):
        for at, one in enumerate(several):
            yield from _named(one, (*path, key, at))


def _written_out(value: str) -> bool:
    """Whether a header is all in the scenario, and not taken from a variable, a column or an answer."""
    return "${env:" not in value and not any(places_in(value))


def _texts(operation: RequestFile) -> str:
    return json.dumps(operation.json_) + (operation.body or "") + operation.path
