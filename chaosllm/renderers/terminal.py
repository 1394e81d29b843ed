"""The result on a terminal: a screen at most, ending in what to fix first and where the report is."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chaosllm.renderers import Material
from chaosllm.renderers import _attached as attached
from chaosllm.renderers import _instrument as told
from chaosllm.renderers import _steered as by_hand
from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words

_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_MARKS = {"pass": Text("✓", "green"), "fail": Text("✗", "bold red")}
_UNDECIDED = Text("?", "yellow")
_SEVERITY_STYLES = {"critical": "bold red", "major": "red", "minor": "yellow", "info": "cyan"}
MOST_EVIDENCE = 2
MOST_FINDINGS = 8
MOST_REASONS = 5


def _said(value: object, style: str = "") -> Text:
    """Foreign text as it reads: never markup, never an escape."""
    return Text(words.clean(value), style)


def renderable(material: Material) -> RenderableType:
    """What a rich console prints; the console alone decides on colours and width."""
    summary = material.summary
    parts: list[RenderableType] = [*_head(summary, material.meta)]
    phases = summary.get("phases", {})
    # Else these tables hold dashes alone.
    began = any(phase.get("operations") or phase.get("requests") for phase in phases.values())
    for block in (
        None if not began else _calls(phases) if words.attached(summary) else _phases(phases),
        _objectives(summary.get("objectives", ())) if began else None,
        _findings(words.worst(summary.get("findings", ()))),
    ):
        if block is not None:
            parts += [Text(), Padding(block, (0, 0, 0, 1), expand=False)]
    parts += [Text(), *_foot(summary, material.report)]
    return Group(*parts)


def _head(summary: Mapping[str, Any], meta: Mapping[str, Any]) -> list[RenderableType]:
    verdict = str(summary.get("verdict"))
    word, icon = words.VERDICTS.get(verdict, words.VERDICTS["inconclusive"])
    style = _STYLES.get(verdict, _STYLES["inconclusive"])
    notes = [f"seed {words.clean(summary['seed'])}"] if summary.get("seed") is not None else []
    if app := meta.get("app"):
        notes.insert(0, f"app {words.clean(app)}")
    line = Text.assemble((f" {icon} {word} ", f"{style} reverse"), "  ", (words.clean(summary.get("scenario")), "bold"))
    parts: list[RenderableType] = [line.append(f"  {', '.join(notes)}", "dim") if notes else line]
    if hypothesis := summary.get("hypothesis"):
        said = _said(hypothesis, "italic").append(" ").append(words.held(summary), f"{style} not italic")
        parts.append(Padding(said, (0, 1, 0, 1)))
    if source := words.source(summary):
        parts.append(Padding(_said(f"{source}.", "bold yellow"), (0, 1, 0, 1)))
    steered = by_hand.steered(summary).replace("see below", "see the report")
    lines = [line for line in (by_hand.stopped(summary), steered) if line]
    parts += [Padding(_said(words.inert(line), "bold"), (0, 1, 0, 1)) for line in lines]
    reasons = [f"{line}." for line in (users.lost(summary),) if line]
    reasons += words.reasons(summary, objectives=False)
    grid = Table.grid(padding=(0, 1))
    for reason in reasons[:MOST_REASONS]:
        grid.add_row("•", _said(reason))
    if len(reasons) > MOST_REASONS:
        grid.add_row("•", f"{len(reasons) - MOST_REASONS} more in the report")
    if reasons:
        parts.append(Padding(grid, (0, 1, 0, 1), expand=False))
    return parts


def _phases(phases: Mapping[str, Mapping[str, Any]]) -> Table | None:
    if not phases:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("phase")
    for name in ("operations", "good answers", "p50", "p95", "calls/operation"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, operation, phase in words.lines(phases):
        latency, success = phase.get("latency") or {}, phase.get("success_rate") or {}
        table.add_row(
            # The indent is put before, because foreign text loses its own.
            Text("  ").append(_said(operation))
            if operation
            else _said(name, "bold" if phase.get("role") == "fault" else ""),
            words.count(phase.get("operations")),
            words.share(success.get("value")),
            words.seconds(latency.get("p50")),
            words.seconds(latency.get("p95")),
            words.plain(words.attempts_per_operation(phase)),
        )
    return table


def _calls(phases: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column(attached.HEAD[0])
    for name in attached.HEAD[1:]:
        table.add_column(name, justify="right")
    for name, *cells in attached.rows(phases):
        table.add_row(_said(name, "bold" if phases[name].get("role") == "fault" else ""), *cells)
    return table


def _objectives(objectives: Sequence[Mapping[str, Any]]) -> Table | None:
    if not objectives:
        return None
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for item in objectives:
        mark = _MARKS.get(str(item.get("verdict")), _UNDECIDED)
        table.add_row(mark, _said(item.get("text")), _said(words.objective_value(item), "bold"))
        if item.get("verdict") == "inconclusive" and item.get("why"):
            table.add_row("", _said(item["why"], "dim"))
        if item.get("note"):
            table.add_row("", _said(item["note"], "dim"))
    return table


def _findings(findings: Sequence[Mapping[str, Any]]) -> Table | None:
    if not findings:
        return None
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for item in findings[:MOST_FINDINGS]:
        severity = words.clean(item.get("severity"))
        evidence = [words.clean(one) for one in item.get("evidence", ())]
        head = _said(item.get("code"), "bold")
        if often := words.times(item):
            head.append(f"  {often}", "not bold")
        if item.get("phase"):
            head.append(f"  in phase {words.clean(item['phase'])}", "not bold dim")
        if evidence:
            more = ", …" if len(evidence) > MOST_EVIDENCE else ""
            head.append(f"  {', '.join(evidence[:MOST_EVIDENCE])}{more}", "not bold dim")
        table.add_row(Text(severity, _SEVERITY_STYLES.get(severity, "")), head)
        table.add_row("", _said(words.sentence(item)))
        if accepted := words.accepted(item):
            known = words.holds(item) and severity != "critical"
            table.add_row("", _said(accepted, "dim" if known else _SEVERITY_STYLES.get(severity, "")))
    if len(findings) > MOST_FINDINGS:
        table.add_row("", Text(f"{len(findings) - MOST_FINDINGS} more in the report", "dim"))
    return table


def _foot(summary: Mapping[str, Any], report: str) -> list[RenderableType]:
    findings = summary.get("findings", ())
    counts = words.injected(summary.get("injection", ()))
    seen = words.counted(len(findings), "finding") if findings else "no finding"
    if blind := len(summary.get("findings_unknown", ())):
        seen += f", {words.counted(blind, 'kind')} of findings not looked for"
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    if strange := words.unrecognised(summary):
        grid.add_row(Text("Note:", "bold"), _said(f"{strange}."))
    if unseen := words.unseen(summary):
        grid.add_row(Text("Note:", "bold"), _said(unseen))
    if loop := words.closed_loop(summary):
        grid.add_row(Text("Load:", "bold"), _said(f"{loop}."))
    if first := words.fix_first(summary):
        grid.add_row(Text("Fix first:", "bold"), _said(first))
    if report:
        grid.add_row(Text("Report:", "bold"), _said(report, "cyan"))
    exact = told.line(summary)
    lines = [f"{counts}; {seen}", users.score(summary.get("score")), exact]
    said = "\n".join(line for line in lines if line)
    return [Padding(Text(said, "dim"), (0, 0, 0, 1)), Padding(grid, (0, 1, 0, 1), expand=False)]


class Terminal:
    """Verdict, phases, objectives, findings, what to fix first."""

    name: ClassVar = "terminal"
    summary: ClassVar = "the short result that a run ends with"
    file: ClassVar[str | None] = None

    def render(self, material: Material) -> str:
        """Plain text, 100 columns wide, no colour; `renderable` gives what a terminal shows."""
        console = Console(file=io.StringIO(), width=100, force_terminal=False, color_system=None, legacy_windows=False)
        with console.capture() as capture:
            console.print(renderable(material), highlight=False)
        return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


MEMBER = Terminal()
