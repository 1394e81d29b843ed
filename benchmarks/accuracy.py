"""What was asked against what was done: delays, paces and cuts, as a client sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from benchmarks.client import spread
from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, Run, Section, milliseconds
from benchmarks.processes import ask
from benchmarks.upstream import ROLE, TAIL, TEXTS

DELAYS = (0.02, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)  # seconds
PACES = (5, 10, 20, 50, 100, 200)  # events a second
STREAMS = 50
WORDS_OF_A_CUT_STREAM = 20
END = b"\n\n"
EVENTS = [ROLE, *(TEXTS[at % 10] for at in range(WORDS_OF_A_CUT_STREAM)), *TAIL]


@dataclass(frozen=True)
class CutAt:
    """A place to cut at, how, and the bytes that must come."""

    at: str
    shape: str
    expected: bytes

    @property
    def rule(self) -> str:
        """The rule, for calls of the model named like it."""
        return f'{{fault: truncate, shape: {self.shape}, at: {self.at}, match: {{model: "{self.model}"}}}}'

    @property
    def model(self) -> str:
        """The model that a call names to be cut so."""
        return f"cut-{self.at.replace(' ', '-').replace('%', '-percent')}-{self.shape}"


CUTS = tuple(
    CutAt(at, shape, expected)
    for at, shape, expected in (
        ("7 events", "clean", b"".join(EVENTS[:7])),
        ("7 events", "abrupt", b"".join(EVENTS[:7])),
        ("1000 bytes", "clean", b"".join(EVENTS[: len(b"".join(EVENTS)[:1000].split(END)) - 1])),  # whole events alone
        ("1000 bytes", "abrupt", b"".join(EVENTS)[:1000]),
        ("9 tokens", "clean", b"".join(EVENTS[:10])),  # the role says nothing, each word is a token
        ("9 tokens", "abrupt", b"".join(EVENTS[:10])),
        ("50%", "clean", b"".join(EVENTS[: 1 + WORDS_OF_A_CUT_STREAM // 2])),
        ("50%", "abrupt", b"".join(EVENTS[: 1 + WORDS_OF_A_CUT_STREAM // 2])),
    )
)


def measure(run: Run) -> list[Section]:
    """Delays, paces and cuts through one proxy each."""
    return [_delays(run), _paces(run), _cuts(run)]


def _rules(rules: Iterator[str]) -> str:
    return f"[{', '.join(rules)}]"


def _answers(there: Contestant, asks: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    job = {"do": "answers", "route": asdict(there.routes["plain"]), "asks": asks, **more}
    answers: list[dict[str, Any]] = ask(job)["answers"]
    return answers


def _delays(run: Run) -> Section:
    delays = DELAYS[:4] if run.quick else DELAYS
    count = STREAMS * (1 if run.quick else 2)
    section = Section(
        "Accuracy of delays",
        f"{count} streams for each delay, begun 10 ms apart, so that {STREAMS} and more wait at a time where the delay"
        " is half a second or longer. The error is the time from the connection to the first byte, less the delay that"
        " was asked for: so it holds all that the proxy takes for a call, connection to upstream included.",
        ("asked", "least ms", "p50 ms", "p95 ms", "p99 ms", "most ms"),
    )
    with run.ground.round():
        rules = (f'{{fault: latency, first_token: {at * 1000:g}ms, match: {{model: "delay-{at:g}"}}}}' for at in delays)
        there = run.tried(section, "ours", partial(run.ground.ours, "ours", _rules(rules)))
        early, worst = [], []
        if there is None:
            return section
        for delay in (0.0, *delays):
            run.say(f"  delay {delay:g} s")
            asks = [{"model": f"delay-{delay:g}", "events": 5, "gap": 0}] * count
            answers = run.tried(section, f"delay {delay:g} s", partial(_answers, there, asks, apart=0.01))
            if not answers:
                continue
            errors = [one["first"] - delay for one in answers if one["ended"] == "whole"]
            if len(errors) < count:
                section.missing.append(f"delay {delay:g} s: {count - len(errors)} of {count} streams did not end whole")
            if (found := spread(errors)) and delay:
                early.append(found["least"])
                worst.append(found["p95"])
            keys = ("least", "p50", "p95", "p99", "most")
            section.rows.append((f"{delay:g} s" if delay else "none", *(milliseconds(found[key]) for key in keys)))
    if early:
        section.figures.append(
            Figure("earliest of all delayed answers, after the delay", min(early) * 1e3, " ms", least=0.0)
        )
        section.figures.append(Figure("delay error p95, the worst delay", max(worst) * 1e3, " ms", most=5.0))
    return section


def _paces(run: Run) -> Section:
    section = Section(
        "Accuracy of paces",
        f"{STREAMS} streams side by side for each pace, 2 s long, from an upstream that sends everything at once. Gap"
        " error: |gap - 1/pace|. Drift: how far the last event is from its place on the schedule that the first began.",
        ("events/s", "gap error p50 ms", "p99 ms", "most ms", "drift p50 ms", "most ms", "whole"),
    )
    paces = PACES[2::2] if run.quick else PACES
    with run.ground.round():
        rules = (f'{{fault: latency, tokens: {pace}/s, match: {{model: "pace-{pace}"}}}}' for pace in paces)
        there = run.tried(section, "ours", partial(run.ground.ours, "ours", _rules(rules)))
        if there is None:
            return section
        for pace in paces:
            run.say(f"  pace {pace} events/s")
            asks = [{"model": f"pace-{pace}", "events": 2 * pace, "gap": 0}] * STREAMS
            answers = run.tried(section, f"pace {pace}/s", partial(_answers, there, asks, apart=0.0037))
            if not answers:
                continue
            whole = [one["times"][1 : 2 * pace + 1] for one in answers if one["ended"] == "whole"]
            gaps = spread([abs(b - a - 1 / pace) for times in whole for a, b in pairwise(times)])
            drift = spread([abs(times[-1] - times[0] - (len(times) - 1) / pace) for times in whole])
            section.rows.append(
                (
                    str(pace),
                    *(milliseconds(gaps[key]) for key in ("p50", "p99", "most")),
                    *(milliseconds(drift[key]) for key in ("p50", "most")),
                    f"{len(whole)} of {STREAMS}",
                )
            )
    return section


def _cuts(run: Run) -> Section:
    each = 25 if run.quick else 125
    section = Section(
        "Accuracy of cuts",
        f"{each} streams of {WORDS_OF_A_CUT_STREAM} words for each place and shape, 50 at a time, all kinds mixed."
        " A cut is exact when the bytes that came are those before the place, and the end is that of its shape: the"
        " last chunk for clean, the connection's end without it for abrupt.",
        ("at", "shape", "exact", "first that was not"),
    )
    with run.ground.round():
        rules = _rules(cut.rule for cut in CUTS)
        there = run.tried(section, "ours", partial(run.ground.ours, "ours", rules))
        if there is None:
            return section
        run.say(f"  {each * len(CUTS)} cuts")
        asked = [CUTS[at % len(CUTS)] for at in range(each * len(CUTS))]
        asks = [{"model": cut.model, "events": WORDS_OF_A_CUT_STREAM, "gap": 0.005} for cut in asked]
        answers = run.tried(section, "cuts", partial(_answers, there, asks, apart=0.004, together=50, keep=True))
    exact = 0
    for cut in CUTS if answers else ():
        came = [one for one, what in zip(answers or [], asked, strict=True) if what is cut]
        wrong = [_told(one) for one in came if not is_exact(one, cut)]
        exact += len(came) - len(wrong)
        section.rows.append((cut.at, cut.shape, f"{len(came) - len(wrong)} of {len(came)}", wrong[0] if wrong else ""))
    if answers:
        section.figures.append(
            Figure("cuts that were exact", 100 * exact / len(asked), f" % of {len(asked)}", least=100.0)
        )
    return section


def is_exact(answer: dict[str, Any], cut: CutAt) -> bool:
    """Whether a cut answer is what it must be, and ended as it must."""
    ended = "whole" if cut.shape == "clean" else "closed"
    return answer["ended"] == ended and _body(answer) == cut.expected


def _told(answer: dict[str, Any]) -> str:
    data = _body(answer)
    return f"{answer['ended'] or 'open'}, {len(data)} bytes, {data.count(b'data: ')} events"


def _body(answer: dict[str, Any]) -> bytes:
    """The body of a chunked HTTP/1.1 answer, as far as it came."""
    _, _, rest = answer["bytes"].encode("latin-1").partition(b"\r\n\r\n")
    body = b""
    while (at := rest.find(b"\r\n")) > 0 and (size := int(rest[:at], 16)):
        body += rest[at + 2 : at + 2 + size]
        rest = rest[at + 4 + size :]
    return body
