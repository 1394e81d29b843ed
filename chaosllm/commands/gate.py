"""`chaosllm gate`: as run, for CI: plain output, JUnit, step summary, annotations, and the verdict as exit code."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._launch import WithApp
from chaosllm.commands._runs import asking, counted, wanted
from chaosllm.errors import Exit, Problem, ScenarioError, Where, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosllm.adapters.supervisor.order import Order, Result


@click.command(
    cls=WithApp,
    epilog="\b\nExamples:\n"
    "  chaosllm gate scenarios/suites/ci.yaml -- python -m myapp\n"
    "  chaosllm gate my.yaml --objective 'success_rate(storm) >= 95%' --junit junit.xml\n"
    "  chaosllm gate my.yaml --app hardened --inconclusive pass\n"
    "  chaosllm gate my.yaml --baseline main --margin success_rate=5% -- python -m myapp\n\n"
    "Exits 0 when every run passed, 1 when one failed, 4 when one could not be judged, 2 and 3 when one could not "
    "be run. On GitHub the summary goes to the job's page, and annotations point at the scenario's lines.",
)
@asking
@click.option("--objective", "objectives", metavar="EXPRESSION", multiple=True, help="One more objective for all runs.")
@click.option(
    "--inconclusive", type=click.Choice(["fail", "pass"]), default="fail", show_default=True,
    help="Whether a run that could not be judged fails the gate (exit 4) or passes it.",
)  # fmt: skip
@click.option(
    "--junit", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write all runs to one JUnit file; each run folder has its own junit.xml.",
)  # fmt: skip
@click.option("--annotations/--no-annotations", default=None, help="GitHub's annotations.  [default: on GitHub]")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    objectives: tuple[str, ...],
    inconclusive: str,
    junit: Path | None,
    annotations: bool | None,
    quiet: bool,
    sets: tuple[str, ...],
    **asked: Any,
) -> int:
    """Run scenarios in CI and let the verdict decide: as `run`, with plain output and reports for machines."""
    more = tuple(f"objectives+={_quoted(text)}" for text in objectives)
    try:
        found = wanted(ctx, quiet=quiet, sets=(*sets, *more), **asked)
    except ScenarioError as error:
        raise ScenarioError([_placed(one, len(sets)) for one in error.problems]) from None
    annotated = annotations if annotations is not None else os.environ.get("GITHUB_ACTIONS") == "true"
    passes = inconclusive == "pass"
    results: list[Result] = []
    marks: list[str] = []
    diary = found.diary
    for order, result in found.each(quiet=quiet, diary=diary):
        _tell(order, result)
        if annotated:
            marks += _marks(order, result, passes=passes)
        results.append(result)
    _annotate(marks)
    from chaosllm.commands._roundup import scored  # noqa: PLC0415  # late, as all that --help does not need

    score = scored(results)
    _write(junit, results, score, passes=passes)
    codes = [Exit.PASS if passes and result.code is Exit.INCONCLUSIVE else result.code for result in results]
    code = worst(codes)
    if score:
        click.echo(score)
    if diary is not None and results:
        diary.ended(results)
    click.echo(_conclusion(results, code))
    return code


def _quoted(text: str) -> str:
    """The expression as a YAML string, because it may hold what YAML reads otherwise."""
    import json  # noqa: PLC0415  # late, as all that --help does not need

    return json.dumps(text)


def _placed(problem: Problem, sets: int) -> Problem:
    """The problem, at --objective where one of those is meant and not at the setting that it became."""
    where = problem.where
    if where.file != "--set" or where.line <= sets:
        return problem
    return replace(problem, where=Where("--objective", where.line - sets, where.column))


def _tell(order: Order, result: Result) -> None:
    from chaosllm.commands._errors import explain  # noqa: PLC0415  # late, as above
    from chaosllm.renderers.plain import text  # noqa: PLC0415  # as above

    if result.material is not None:
        click.echo(text(result.material))
    if result.error is not None:
        click.echo(f"{order.scenario.name} could not be run to its end", err=True)
        explain(result.error)


def _marks(order: Order, result: Result, *, passes: bool) -> list[str]:
    from chaosllm.renderers._annotations import annotation, lines  # noqa: PLC0415  # late, as above

    if result.material is not None:
        return list(lines(order.scenario, result.material.summary, passes=passes))
    if result.error is not None:
        return [annotation("error", None, f"{order.scenario.name} could not be run", result.error.what)]
    return []


def _annotate(marks: Sequence[str]) -> None:
    """After all runs, because GitHub shows so few that they must share the place."""
    from chaosllm.renderers._annotations import fitting  # noqa: PLC0415  # late, as above

    for line in fitting(marks):
        click.echo(line)


def _write(junit: Path | None, results: Sequence[Result], score: str, *, passes: bool) -> None:
    """The JUnit file that was asked for, and the job's page on GitHub."""
    from chaosllm.adapters import run_folder  # noqa: PLC0415  # late, as above
    from chaosllm.renderers import junit as form  # noqa: PLC0415  # as above
    from chaosllm.renderers import markdown  # noqa: PLC0415  # as above

    shown = [result.material for result in results if result.material is not None]
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        run_folder.write(junit, form.document(shown, undecided="skipped" if passes else "error"))
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(f"{markdown.together(shown, score)}\n")


def _conclusion(results: Sequence[Result], code: Exit) -> str:
    return f"gate: {counted([result.code for result in results]) or 'nothing was run'}: exit {int(code)}"
