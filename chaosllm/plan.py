"""What happens to each call: a Scenario and its seed, asked once a call.

Laws:
1. The same seed decides the same for the same call at any concurrency; live buckets, budgets, `load`,
   `max_active_faults` and, where users have sessions, what counts the operations of a phase are exempt by nature.
2. A rule is on for an operation that was due in its phase; once the phase is over by the clock no
   later call of it is touched. A first call may be GRACE late, because apps take time to ask. Of a session only
   the first operation is due beforehand: the others follow the clock.
3. Nothing here waits, reads a clock or prints.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from chaosllm.call import Call, Request
from chaosllm.faults import Budgeted, Connecting, Context, Fault, Metered, Selective
from chaosllm.identity import PREFLIGHT, Census
from chaosllm.limiter import Limiter
from chaosllm.live.steering import Steering, steered
from chaosllm.matching import matches
from chaosllm.mix import Mix
from chaosllm.prints import print_whole
from chaosllm.providers import Provider, Usage
from chaosllm.record import Effect
from chaosllm.scenario import Phase, Rule, Scenario
from chaosllm.schedule import firings
from chaosllm.script import Applied, Decision, Door, Hang, Position, Reply, Reset, Script, Step, Wait
from chaosllm.store import Memory, Store, Tally
from chaosllm.tallies import Active, Connections, Held, Recent
from chaosllm.trigger import Tick, draw

#: Seconds after a phase's end in which the first call of an operation due in it is still its own:
#: an app asks its provider some milliseconds after it was asked, and at a phase's border chance by
#: identity must not become chance by arrival.
GRACE = 1.0


class Plan:
    """Decides for each call of one run.

    `hold` names a phase that stays on for ever, by no clock; without it phases follow `t`. Plans that share a
    `store` decide as one would that saw all their calls; `buckets` is where live limits are kept, if elsewhere.
    """

    def __init__(
        self,
        scenario: Scenario,
        providers: Mapping[str, Provider],
        *,
        key: bytes,
        hold: str | None = None,
        store: Store | None = None,
        buckets: Store | None = None,
    ) -> None:
        self.injecting = True
        self._providers = {upstream.provider: providers[upstream.provider] for upstream in scenario.upstreams}
        self._store = store or Memory()
        self._buckets = buckets or self._store
        self._census = Census(scenario.seed, key, correlate=scenario.load.correlate, store=self._store)
        if hold is not None and scenario.phase(hold) is None:
            raise ValueError(f"no phase {hold!r} in {scenario.name}")
        self._hold = hold
        self._mix = Mix(scenario.target, scenario.seed)
        self._stride = 1 if scenario.load.closed else self._mix.stride
        self._named = any(self._mix.names)
        self._key = key
        self._side_effects = {one.name: frozenset(one.side_effects) for one in scenario.target.operations}
        self._ordinals: dict[str, int] = {}
        self._open: dict[str, Held] = {}
        # Looked up once, because asking a protocol takes longer than all else about a rule.
        self._at_accept = frozenset(rule.name for rule in scenario.rules if _at_accept(rule))
        self._selective = {rule.name: rule.fault for rule in scenario.rules if isinstance(rule.fault, Selective)}
        self._due: Sequence[float] = ()
        self._due_until = 0.0
        self._capped = scenario.limits.max_active_faults < 1  # else nobody need count what is in flight
        self.steer(Steering(scenario))

    def steer(self, steering: Steering) -> None:
        """Decide from now on as live commands have made the run; what was decided stays."""
        scenario = self.scenario = steered(steering)
        self._steering = steering
        self._held = scenario.phase(self._hold) if self._hold is not None else None
        if scenario.duration != self._due_until:  # of a long run they take a while, in which every stream would wait
            # Of a closed loop nothing is due beforehand: its calls follow the clock.
            self._due, self._due_until = scenario.load.due_times(scenario.seed, scenario.duration), scenario.duration
        self._first_due = {phase.name: bisect_left(self._due, phase.start) for phase in scenario.phases}
        # Spells are drawn, and leaders looked up, once.
        self._firing = {name: one for phase in scenario.phases for name, one in firings(scenario.seed, phase).items()}

    def identify(self, request: Request) -> Call | None:
        """The call in a request; None for traffic that is no model call of the scenario's providers."""
        for name, provider in self._providers.items():
            if request.upstream in (None, name) and (call := provider.read(request)) is not None:
                call, ordinal = self._census.enrol(call, request, provider)
                if self._named and call.operation is not None:
                    call = replace(call, asks=self._mix.name(call.operation))
                self._ordinals[call.id] = ordinal
                return call
        return None

    def ordinal(self, call: Call) -> int:
        """How many calls, retries included, the call's operation had made before it."""
        return self._ordinals.get(call.id, 0)

    def effects(self, call: Call, request: Request) -> list[Effect]:
        """The declared side effects that the app has had, as a request shows by their results."""
        tools = self._side_effects.get(call.asks)
        if not tools or call.operation is None or not isinstance(body := request.json, dict):
            return []
        runs = self._providers[call.provider].tool_runs(call, body, tools)
        return [Effect(run.name, *(print_whole(text, self._key) for text in run[1:])) for run in runs]

    def decide(self, call: Call, request: Request, *, t: float | None, now: float) -> Decision:
        """What to do with a call; `t` is seconds since the run's start (None before it), `now` UNIX seconds.

        Must be followed by one `settle`.
        """
        if self._capped:
            self._store.change("active", Active, Active.come)
        self._open[call.id] = opened = Held()
        if t is None or call.operation == PREFLIGHT:
            return Decision(call, "preflight")
        phase, on = self._phase_of(call, t)
        if phase is None:
            return Decision(call, "")
        if not phase.rules or not on or not self._may_inject(t):
            return Decision(call, phase.name)
        provider = self._providers[call.provider]
        script: list[Step] = []
        applied: list[Applied] = []
        headers: tuple[tuple[str, str | None], ...] = ()
        tick_t, n = self._place(call, phase, t)
        ordinal = self._ordinals.get(call.id, 0)
        for rule in phase.rules:
            if rule.name in self._at_accept or not self._steering.switch(rule.name).on:
                continue
            if not matches(rule.match, call, request, provider):
                continue
            if (fault := self._selective.get(rule.name)) is not None and not fault.applies(call):
                continue
            chance = partial(draw, self.scenario.seed, rule.name, call.identity, call.attempt)
            held = sum(step.seconds for step in script if isinstance(step, Wait))  # an answer's date is that much later
            context = Context(call, request, provider, chance, now + held, t + self._buckets.ahead, Limiter())
            tick = Tick(tick_t, n, call.attempt, ordinal, 0.0, phase.duration, rate=self._rate(rule, t, Recent.come))
            part, left = self._apply(rule, context, tick, opened)
            applied.append(part)
            script.extend(part.steps)
            headers += left
            if any(ends_the_list(step) for step in part.steps):
                break
        return Decision(call, phase.name, tuple(script), tuple(applied), headers)

    def accept(
        self, provider: str, *, t: float | None, door: Door = Door.LISTENER, number: int | None = None
    ) -> Decision | None:
        """What befalls a connection to `provider` that is met at `door`; None leaves it alone.

        A connection belongs to no operation, so its identity is its `number`, counted here when None. Of a
        port the number is the second of its phase: triggers then choose seconds, not connections.
        """
        on = self._connecting(provider, t)
        struck = [(rule, steps) for rule in on[1] if (steps := _strike(rule, door)) is not None] if on else []
        if on is None or not struck or t is None:
            return None
        if number is None:
            number, n = self._store.change("connections", Connections, partial(Connections.next, phase=on[0].name))
        else:
            n = number
        name = f"{'port-' + provider if door is Door.PORT else 'connection'}-{number}"
        identity = f"{'port:' + provider if door is Door.PORT else 'connection'}:{number}"
        call = Call(name, provider, "connection", "", stream=False, identity=identity)
        applied: list[Applied] = []
        for rule, steps in struck:
            tick = Tick(self._since(on[0], t), n, 0, n, 0.0, on[0].duration)
            fires = self._fires(rule, tick, call.identity, t)
            applied.append(
                Applied(rule.name, rule.fault.name, planned=fires, fired=fires, steps=steps if fires else ())
            )
            if fires:
                break
        return Decision(call, on[0].name, tuple(step for part in applied for step in part.steps), tuple(applied))

    def connecting(self, provider: str, *, t: float | None) -> tuple[str, ...]:
        """Names of the rules that may strike a connection to `provider` now."""
        on = self._connecting(provider, t)
        if on is None or t is None:
            return ()
        tick = Tick(self._since(on[0], t), 0, 0, 0, 0.0, on[0].duration)
        return tuple(rule.name for rule in on[1] if self._firing[rule.name].clock(tick) > 0)

    def first(self, what: str) -> bool:
        """Whether nobody in the run has asked this of `what` before."""
        return self._store.change(f"first:{what}", Tally, Tally.next) == 0

    def asked(self, what: str) -> bool:
        """Whether somebody in the run has asked `first` of it."""
        return self._store.change(f"first:{what}", Tally, _so_far) > 0

    def second(self, t: float) -> int:
        """Which second of its phase `t` is in, from 0."""
        phase = self._held or self.scenario.phase_at(t)
        return int(self._since(phase, t)) if phase is not None else int(t)

    def _connecting(self, provider: str, t: float | None) -> tuple[Phase, list[Rule]] | None:
        phase = self._held or (self.scenario.phase_at(t) if t is not None else None)
        if t is None or phase is None or not self._may_inject(t):
            return None
        rules = [
            rule for rule in phase.rules
            if rule.name in self._at_accept and _names(rule, provider) and self._steering.switch(rule.name).on
        ]  # fmt: skip
        return phase, rules

    def _since(self, phase: Phase, t: float) -> float:
        """Seconds into the phase; of a held one since the start."""
        return t if self._held is not None else t - phase.start

    def settle(self, decision: Decision, usage: Usage | None, *, t: float) -> None:
        """The call of `decision` ended; `usage` is what its answer said was billed, None if it did not."""
        opened = self._open.pop(decision.call.id, None)
        if opened is None:
            return
        self._ordinals.pop(decision.call.id, None)
        if self._capped:
            self._store.change("active", Active, partial(Active.go, faulted=opened.faulted))
        with ExitStack() as every:  # what one limiter's store cannot take must not keep the others from it
            for fault, name in opened.metered:
                settle = partial(_settle, fault, decision.call, usage, t + self._buckets.ahead)
                every.callback(self._buckets.change, name, Limiter, settle)

    def _apply(
        self, rule: Rule, context: Context, tick: Tick, opened: Held
    ) -> tuple[Applied, tuple[tuple[str, str | None], ...]]:
        """What a rule does to a call, and what the headers of a good answer say of its limits."""
        fault = rule.fault
        if fault.live:
            model = "" if getattr(fault, "account", False) else context.call.model
            name = "\t".join(("limiter", rule.name, context.call.key_hash, model))
            steps, headers = self._buckets.change(name, Limiter, partial(_ask, fault, context))
        else:
            fires, headers = self._fires(rule, tick, context.call.identity, context.t - self._buckets.ahead), ()
            fires = fires or self._owed(rule)
            name, steps = "", fault.script(context) if fires else None
        if steps is None:
            if fault.live and isinstance(fault, Metered):
                opened.metered.append((fault, name))
            return Applied(rule.name, fault.name, planned=False, fired=False), headers
        if not opened.faulted:
            # The share of calls in flight that are faulted, this one included, stays within the limit.
            share = self.scenario.limits.max_active_faults
            if self._capped and not self._store.change("active", Active, partial(Active.fault, share=share)):
                return Applied(rule.name, fault.name, planned=True, fired=False, why="max_active_faults"), ()
            opened.faulted = True
        return Applied(rule.name, fault.name, planned=True, fired=True, steps=steps), ()

    def _fires(self, rule: Rule, tick: Tick, identity: str, t: float) -> bool:
        """Whether a rule's trigger says yes; `t` is seconds since the run's start."""
        firing = self._firing[rule.name]
        return rule.when.fires(firing.at(tick, identity, lambda leader: self._rate(leader.rule, t, Recent.rate)))

    def _rate(self, rule: Rule, t: float, ask: Callable[[Recent, float, float], float]) -> float:
        """Calls a second that met a rule lately; 0 for one that does not go by it, for which nothing is counted."""
        if rule.when.load is None:
            return 0.0
        store, over = self._buckets, rule.when.load.over
        return store.change(f"rate\t{rule.name}", Recent, lambda recent: ask(recent, t + store.ahead, over))

    def _phase_of(self, call: Call, t: float) -> tuple[Phase | None, bool]:
        """The phase that a call belongs to, and whether that phase's rules are on for it (law 2)."""
        if self._held is not None:
            return self._held, True
        due = self._due_of(call)
        if due is None:
            phase = self.scenario.phase_at(t)
            return phase, phase is not None
        phase = self.scenario.phase_at(due)
        if phase is None:
            return None, False
        late = GRACE if self._ordinals.get(call.id, 0) == 0 else 0.0
        return phase, t < phase.end + late

    def _due_of(self, call: Call) -> float | None:
        if call.operation is None:
            return None
        user, step = divmod(call.operation, self._stride)
        return self._due[user] if step == 0 and user < len(self._due) else None

    def _place(self, call: Call, phase: Phase, t: float) -> tuple[float, int]:
        """(seconds into the phase, ordinal in the phase) for the call's trigger."""
        due = None if self._held is not None else self._due_of(call)
        since = self._since(phase, t) if due is None else due - phase.start
        if call.operation is not None and self._stride == 1 and (self._held is not None or due is not None):
            return since, call.operation - (0 if due is None else self._first_due[phase.name])
        # Here nothing is due beforehand: how many come before a step of a session hangs on how long answers take.
        count = Tally.next if call.attempt == 0 else _so_far
        return since, self._store.change(f"phase:{phase.name}", Tally, count)

    def _may_inject(self, t: float) -> bool:
        over = self.scenario.limits.max_duration is not None and t >= self.scenario.limits.max_duration
        return self.injecting and not self._steering.paused and not over

    def _owed(self, rule: Rule) -> bool:
        """Whether this call is one of those that a rule was triggered for by hand; each strikes once in the run."""
        owed = self._steering.switch(rule.name).owed
        return owed > 0 and self._store.change(f"owed\t{rule.name}", Tally, partial(_struck_below, most=owed))


def _ask(fault: Fault, context: Context, limiter: Limiter) -> tuple[Script | None, tuple[tuple[str, str | None], ...]]:
    """What a live fault does to a call, and when nothing, what the headers say of its limits."""
    context = replace(context, limiter=limiter)
    steps = fault.script(context)
    return steps, fault.limit_headers(context) if steps is None and isinstance(fault, Budgeted) else ()


def _settle(fault: Metered, call: Call, usage: Usage | None, t: float, limiter: Limiter) -> None:
    fault.settle(limiter, call, usage, t=t)


def _struck_below(tally: Tally, most: int) -> bool:
    """Count one more; False when there are as many as there may be."""
    if tally.count >= most:
        return False
    tally.next()
    return True


def _so_far(tally: Tally) -> int:
    return tally.count


def ends_the_list(step: Step) -> bool:
    """Whether nothing of an upstream's answer is left for a later rule to work on."""
    return isinstance(step, Reply | Hang) or (isinstance(step, Reset) and not isinstance(step.at, Position))


def _at_accept(rule: Rule) -> bool:
    return isinstance(rule.fault, Connecting) and rule.fault.at_accept


def _strike(rule: Rule, door: Door) -> Script | None:
    return rule.fault.strike(door) if isinstance(rule.fault, Connecting) else None


def _names(rule: Rule, provider: str) -> bool:
    """Whether a rule may touch this provider; nothing else of its match is known of a connection."""
    wanted = rule.match.provider
    return not wanted or any(fnmatchcase(provider, glob) for glob in wanted)
