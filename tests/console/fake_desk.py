"""A desk that plays a game day by a script, for tests; `python tests/console/fake_desk.py` serves it to look at.

Figures follow a small model of an app under fire, so that the page shows what a real day would: goodput falls with the
share of a rule, attempts rise, a stop condition comes near, findings appear.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections.abc import Mapping
from typing import Any

from chaosllm.adapters.console.desk import BaseDesk, Done
from chaosllm.adapters.console.hub import Hub, blank
from chaosllm.errors import ChaosError, Exit
from chaosllm.spelling import suggest
from chaosllm.units import parse_duration, parse_share

RATE = 20.0
PHASES = [
    {"name": "warmup", "role": "warmup", "start": 0.0, "end": 10.0},
    {"name": "baseline", "role": "baseline", "start": 10.0, "end": 40.0},
    {"name": "storm", "role": "fault", "start": 40.0, "end": 85.0},
    {"name": "recovery", "role": "recovery", "start": 85.0, "end": 120.0},
]
RULES = [
    {"name": "storm.0", "fault": "rate_limit", "phase": "storm", "on": True, "share": 0.4, "when": "",
     "capped": False, "can_share": True,
     "can_trigger": True},
    {"name": "storm.1", "fault": "latency", "phase": "storm", "on": False, "share": None,
     "when": "on every 3rd operation of the phase", "capped": False, "can_share": True,
     "can_trigger": True},
    {"name": "storm.2", "fault": "truncate", "phase": "storm", "on": True, "share": 0.1, "when": "",
     "capped": False, "can_share": True,
     "can_trigger": True},
]  # fmt: skip
FINDINGS = [
    (52.0, "retry_after_ignored", "major", 31, "Calls came again before Retry-After was over",
     "Wait as long as the header says before the next attempt."),
    (61.0, "truncated_accepted", "critical", 7, "Answers that were cut were shown as whole",
     "Check the finish reason, and the end event of a stream."),
    (70.0, "no_jitter", "minor", 12, "Retries come in step", "Add jitter to the pause."),
]  # fmt: skip
STEPS = [
    ("storm", "rate-limit-storm.yaml", "When 40% of calls are refused, 95% of users still get an answer.",
     "verdict pass, no findings, users get the fallback", {"by": "lead", "file": None}),
    ("slow", "latency", "A first word that is 3 s late costs no answers.", "verdict pass",
     {"by": "lead", "file": None}),
    ("cut", "cut-answers.yaml", "Cut answers are never shown as whole.", "no truncated_accepted", None),
]  # fmt: skip


def step(number: int, name: str, what: str, *, hypothesis: str, expect: str, approval: Any) -> dict[str, Any]:
    return {"number": number, "name": name, "what": what, "hypothesis": hypothesis, "expect": expect,
            "status": "waiting", "approval": approval, "verdict": None, "as_expected": None, "differences": [],
            "error": None, "folder": f"{number}-{name}"}  # fmt: skip


class FakeDesk(BaseDesk):
    """A day of three steps; `advance()` plays one second of the running one, `play()` all by the clock."""

    def __init__(self, *, name: str = "release-1.4", hub: Hub | None = None, extra: str = "") -> None:
        super().__init__(hub or Hub(blank("gameday", name)))
        self.t = 0.0
        self.beats: list[str] = []
        self.obeyed: list[tuple[str, dict[str, Any]]] = []
        self.extra = extra  # foreign text that is put everywhere
        self.random = random.Random(7)
        self.phases = [dict(one) for one in PHASES]
        self.counts = {rule["name"]: 0 for rule in RULES}
        self.planned = self.calls = self.spend = self.good = self.ended = 0.0
        self.found: set[str] = set()
        self.debt = 0.0  # retries that are still to come

    # -- the day

    def open(self) -> None:
        """The day begins: the first step waits for approval."""
        x = self.extra
        day = {"title": "release-1.4" + x, "summary": "What the team wants to learn before the release." + x,
               "roles": [{"role": "lead", "name": "Ada" + x, "does": "approves steps and decides on a stop"},
                         {"role": "scribe", "name": "Grace", "does": "writes notes"}],
               "time_box": 7200.0, "began": self.hub._clock(), "current": 1,
               "steps": [step(at, name + x, what + x, hypothesis=why + x, expect=expect + x, approval=approval)
                         for at, (name, what, why, expect, approval) in enumerate(STEPS, 1)]}  # fmt: skip
        self.hub.publish("say", text="the safety lever is clear" + x, set={"day": day, "status": "waiting"})
        self.hub.publish("approval", step=1, set={"day.steps.0.status": "approval"})

    def begin(self) -> None:
        """A run begins, as the present step."""
        at = self.hub.state["day"]["current"] - 1
        self.t, self.phases, self.found, self.debt = 0.0, [dict(one) for one in PHASES], set(), 0.0
        self.counts = {rule["name"]: 0 for rule in RULES}
        self.planned = self.calls = self.spend = self.good = self.ended = 0.0
        run = {"folder": f"reports/release-1.4/{at + 1}", "scenario": "rate-limit-storm" + self.extra,
               "hypothesis": STEPS[at][2] + self.extra, "duration": 120.0, "phases": self.phases,
               "rules": [dict(rule) for rule in RULES], "paused": False, "figures": None, "series": [],
               "bands": []}  # fmt: skip
        self.hub.publish("step", step=at + 1, status="running",
                         set={f"day.steps.{at}.status": "running", "status": "running"})  # fmt: skip
        self.hub.publish("run", set={"run": run})
        self.hub.publish("say", text="the app answers, and its calls pass the proxy")

    def phase(self) -> dict[str, Any] | None:
        return next((one for one in self.hub.state["run"]["phases"] if one["start"] <= self.t < one["end"]), None)

    def advance(self) -> None:
        """One second of the run; nothing while none is on."""
        if self.hub.state["status"] not in ("running", "paused"):
            return None
        run, x = self.hub.state["run"], self.extra
        before = self.phase()
        self.t += 1.0
        phase = self.phase()
        if phase is None:
            return self.finish("fail", as_expected=False)
        if before is not phase:
            self.hub.publish("phase", t=self.t, phase=phase["name"])
        hurt = 0.0
        fault = phase["role"] == "fault" and not run["paused"]
        figures_rules = []
        for rule in run["rules"]:
            share = (rule["share"] if rule["share"] is not None else 0.5) if rule["on"] and fault else 0.0
            self.counts[rule["name"]] += round(RATE * share * (1 + self.debt))
            hurt += share * (0.9 if rule["fault"] == "rate_limit" else 0.7)
            count = self.counts[rule["name"]]
            figures_rules.append({"rule": rule["name"], "fault": rule["fault"], "planned": count, "fired": count,
                                  "delivered": max(0, count - 2), "capped": 0, "in_flight": min(2, count)})  # fmt: skip
        hurt = min(0.95, hurt)
        self.debt = min(1.6, self.debt + 0.15 * hurt) if fault else max(0.0, self.debt - 0.12)
        noise = self.random.uniform(-0.8, 0.8)
        good = max(0.0, RATE * (1 - hurt * 0.7) * (1 - 0.08 * self.debt) + noise)
        attempts = 1.02 + self.debt * 1.1
        p50, p95 = 0.42 + 0.4 * self.debt + 0.02 * math.sin(self.t), 0.95 + 2.2 * self.debt + 0.1 * math.sin(self.t / 3)
        self.good += good
        self.ended += RATE
        self.calls += RATE * attempts
        self.spend += RATE * attempts * 0.0004
        injected = sum(self.counts.values())
        in_flight = round(8 + 25 * self.debt)
        rate = good / RATE
        row = {"t": self.t, "offered": RATE + noise / 3, "achieved": RATE + noise / 4, "goodput": round(good, 2),
               "p50": round(p50, 3), "p95": round(p95, 3), "attempts": round(attempts, 2), "injected": injected,
               "planned": injected, "in_flight": in_flight}  # fmt: skip
        figures = {
            **row, "duration": run["duration"], "phase": phase["name"], "role": phase["role"],
            "phase_left": phase["end"] - self.t, "due": int(self.t * RATE), "sent": int(self.t * RATE),
            "outcomes": {"good": round(self.good), "error": round(self.ended - self.good)}, "phase_outcomes": {},
            "answered": RATE, "baseline": 19.8 if self.t > 12 else None, "baseline_attempts": 1.02,
            "calls": round(self.calls), "fired": injected, "rules": figures_rules,
            "errors": [{"error": "HTTP 429" + x, "count": 12}],
            "spend": {"usd": self.spend, "estimated": False, "simulated": True},
            "stop_when": [
                {"text": "success_rate(last 10s) < 20%", "value": rate, "bound": 0.2, "away": max(0, rate - 0.2),
                 "holds": rate < 0.2},
                {"text": "latency_p95(last 10s) > 10s", "value": p95, "bound": 10.0, "away": 10 - p95, "holds": False},
                {"text": "spend > 5 USD", "value": self.spend, "bound": 5.0, "away": 5 - self.spend, "holds": False},
            ],
        }  # fmt: skip
        self.hub.publish("tick", t=self.t, set={"run.figures": figures}, add={"run.series": row})
        for at, code, severity, count, title, advice in FINDINGS:
            if self.t >= at and code not in self.found and self.debt > 0.1:
                self.found.add(code)
                found = {"code": code, "severity": severity, "phase": "storm", "count": count, "title": title + x,
                         "advice": advice + x, "seen_at": self.t}  # fmt: skip
                told = {key: found[key] for key in ("code", "severity", "phase", "count", "title")}
                self.hub.publish("finding", t=self.t, add={"findings": found}, **told)
        return None

    def finish(self, verdict: str, *, as_expected: bool, status: str = "done") -> None:
        """The running step ends; the next one waits, or the day is over."""
        day = self.hub.state["day"]
        at = day["current"] - 1
        here = f"day.steps.{at}"
        differences = [] if as_expected else ["expected no findings, saw truncated_accepted (critical)"]
        self.hub.publish("step", step=at + 1, status=status, set={
            f"{here}.status": status, f"{here}.verdict": verdict if status == "done" else None,
            f"{here}.as_expected": as_expected if status == "done" else None, f"{here}.differences": differences,
        })  # fmt: skip
        following = next((one["number"] for one in day["steps"] if one["status"] == "waiting"), None)
        if following is None or self.hub.state["stop"]:
            self.hub.publish("over", verdict=verdict, exit=5 if self.hub.state["stop"] else 1,
                             set={"status": "over", "day.current": None})  # fmt: skip
            return
        self.hub.publish("approval", step=following, set={
            "status": "waiting", "day.current": following, f"day.steps.{following - 1}.status": "approval",
        })  # fmt: skip

    async def play(self, seconds: float = 1.0) -> None:
        """The whole day by the clock; `seconds` for each second of it."""
        self.open()
        while self.hub.state["status"] != "over":
            await asyncio.sleep(seconds)
            if self.hub.state["status"] in ("running", "paused"):
                self.advance()

    # -- commands

    def moment(self) -> float | None:
        return self.t if self.hub.state["run"] else None

    def heartbeat(self, console: str) -> None:
        self.beats.append(console)

    async def obey(self, do: str, args: Mapping[str, Any], *, who: str) -> Any:
        self.obeyed.append((do, dict(args)))
        known = {name[4:]: getattr(self, name) for name in dir(self) if name.startswith("_do_")}
        if do not in known:
            raise ChaosError(f"there is no command {do}", hint=suggest(do, known), exit_code=Exit.USAGE)
        found = known[do](args, who)
        return found if isinstance(found, Done) else Done(found)

    def _rule(self, args: Mapping[str, Any]) -> int:
        run = self.hub.state["run"]
        names = [rule["name"] for rule in run["rules"]] if run else []
        if args.get("rule") not in names:
            raise ChaosError(f"there is no rule {args.get('rule')}", hint=suggest(str(args.get("rule")), names))
        return names.index(args["rule"])

    def _do_pause(self, _: Any, who: str) -> Any:
        band = {"rule": None, "text": "paused", "start": self.t, "end": None}
        self._running()
        return Done(set={"run.paused": True, "status": "paused"}, add={"run.bands": band})

    def _do_resume(self, _: Any, who: str) -> Any:
        run = self._running()
        at = len(run["bands"]) - 1
        return Done(set={"run.paused": False, "status": "running", f"run.bands.{at}.end": self.t})

    def _running(self) -> Any:
        if not self.hub.state["run"]:
            raise ChaosError("no run is on", hint="approve a step first")
        return self.hub.state["run"]

    def _do_enable(self, args: Any, who: str) -> Any:
        return Done(set={f"run.rules.{self._rule(args)}.on": True})

    def _do_disable(self, args: Any, who: str) -> Any:
        return Done(set={f"run.rules.{self._rule(args)}.on": False})

    def _do_share(self, args: Any, who: str) -> Any:
        at, given = self._rule(args), args.get("share")
        try:
            share = float(given) if isinstance(given, float | int) else parse_share(given)
        except ValueError as error:
            raise ChaosError(str(error), hint="such as 40%") from error
        return Done({"share": share}, set={f"run.rules.{at}.share": share})

    def _do_trigger(self, args: Any, who: str) -> Any:
        self.counts[RULES[self._rule(args)]["name"]] += int(args.get("count") or 1)

    def _do_extend(self, args: Any, who: str) -> Any:
        run, phase = self._running(), self.phase()
        try:
            by = parse_duration(args.get("by"))
        except ValueError as error:
            raise ChaosError(str(error), hint="such as 30s") from error
        phases = [dict(one) for one in run["phases"]]
        at = next(i for i, one in enumerate(phases) if one["name"] == (args.get("phase") or phase["name"]))
        phases[at]["end"] += by
        for one in phases[at + 1 :]:
            one["start"] += by
            one["end"] += by
        return Done(set={"run.phases": phases, "run.duration": run["duration"] + by})

    def _do_end(self, args: Any, who: str) -> Any:
        run, phase = self._running(), self.phase()
        less = phase["end"] - self.t
        phases = [dict(one) for one in run["phases"]]
        at = next(i for i, one in enumerate(phases) if one["name"] == phase["name"])
        phases[at]["end"] -= less
        for one in phases[at + 1 :]:
            one["start"] -= less
            one["end"] -= less
        return Done(set={"run.phases": phases, "run.duration": run["duration"] - less})

    def _do_note(self, args: Any, who: str) -> Any:
        self.hub.publish("note", who=who, t=self.moment(), text=str(args.get("text", "")))

    def _do_approve(self, args: Any, who: str) -> Any:
        day = self.hub.state["day"]
        waits = [one["number"] for one in day["steps"] if one["status"] == "approval"]
        if args.get("step") not in waits:
            raise ChaosError(f"step {args.get('step')} waits for no approval", hint=f"waiting: {waits or 'none'}")
        self.begin()

    def _do_skip(self, args: Any, who: str) -> Any:
        day, number = self.hub.state["day"], args.get("step")
        if number == day["current"]:
            self.finish("pass", as_expected=True, status="skipped")
            return None
        if number not in [one["number"] for one in day["steps"] if one["status"] == "waiting"]:
            raise ChaosError(f"step {number} is not to come", hint="skip one that is")
        return Done(set={f"day.steps.{number - 1}.status": "skipped"})

    def _do_stop(self, args: Any, who: str) -> Any:
        if self.hub.state["stop"]:
            return
        told = {"kind": "command", "text": args.get("text") or "stopped by hand", "who": who, "at": self.hub._clock()}
        self.hub.publish("stop", who=who, t=self.moment(), kind="command", text=told["text"],
                         set={"stop": told, "status": "stopping"})  # fmt: skip
        self.finish("inconclusive", as_expected=False, status="stopped")


async def _serve(port: int, pace: float) -> None:
    from chaosllm.adapters.console.runtime import announced
    from chaosllm.adapters.console.server import Server

    desk = FakeDesk()
    async with Server(desk, port=port, token="t" * 32 if port else "") as server:
        with announced(server.url, server.token, name="release-1.4", kind="gameday"):
            print(server.page, flush=True)
            await desk.play(pace)
            await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0, float(sys.argv[2]) if len(sys.argv) > 2 else 1.0))
