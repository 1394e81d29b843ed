"""Prometheus: a number of the team's own monitoring, held against a bound."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from chaosllm.probes import Answer, Ask, Judged
from chaosllm.probes._fields import Headers, Number, Query, Url, shown


@dataclass(frozen=True)
class PrometheusProbe:
    """A query is put to a Prometheus server (or one that speaks its HTTP API), and its value held against a bound.

    Of several series the one that is nearest to its bound counts: the highest for `above`, the lowest for `below`.
    No series, no number, a server that cannot be reached and an answer that is none are unknown. That is no failure,
    because a monitoring that is down says nothing of the app; it is told once, and again when the answer comes back.
    It is asked once before anything starts: a query that the server refuses, or that gives no number for each series,
    could never stop a run, and none begins (exit code 2).
    A certificate of a CA of your own is trusted when `SSL_CERT_FILE` names its file.
    """

    name: ClassVar[str] = "prometheus"
    summary: ClassVar[str] = "a query to a Prometheus server, held against a bound"
    about: ClassVar[Mapping[str, str]] = {
        "prometheus": "the server's URL, with the prefix of its paths if it has one",
        "query": "in PromQL, of an instant: one number, or one for each series",
        "above": "a higher value is a failure",
        "below": "a lower value is a failure",
        "headers": "sent with it; values may hold ${env:NAME}",
    }
    example: ClassVar[str] = (
        '{prometheus: "http://127.0.0.1:9090", query: "job:errors:ratio_rate1m", above: 0.05, every: 5s, failures: 2}'
    )
    every: ClassVar[float] = 5.0
    failures: ClassVar[int] = 2
    early: ClassVar[bool] = True
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", validate_by_name=False, validate_by_alias=True
    )

    url: Annotated[Url, Field(alias="prometheus")]
    query: Query
    above: Number | None = None
    below: Number | None = None
    headers: Headers = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "?" in self.url or "#" in self.url:
            raise ValueError("`prometheus` holds a query, expected the server's URL alone: the query is `query`")
        if self.above is None and self.below is None:
            raise ValueError("`query` needs a bound: `above` or `below`, such as above: 0.05")
        if self.above is not None and self.below is not None and self.below > self.above:
            raise ValueError("`below` is higher than `above`, so that every value is a failure: exchange the two")

    def says(self) -> str:
        """What a failure is, in words."""
        bounds = [
            f"{word} {bound:g}" for word, bound in (("above", self.above), ("below", self.below)) if bound is not None
        ]
        return f"`{self.query}` of {shown(self.url)} is {' or '.join(bounds)}"

    def ask(self, base: str) -> Ask:  # noqa: ARG002  # the protocol's; monitoring is not the app
        """An instant query (https://prometheus.io/docs/prometheus/latest/querying/api/)."""
        return Ask(self.url.rstrip("/") + "/api/v1/query", params=(("query", self.query),), headers=self.headers)

    def judge(self, answer: Answer) -> Judged:
        """Beyond the bound, within it, or unknown."""
        if answer.error:
            return Judged(None, answer.error)
        if answer.cut:
            return Judged(None, "an answer too long to be read: ask for fewer series")
        try:
            numbers = _numbers(json.loads(answer.text))
        except _NoNumbersError as error:
            told = f"{error} (status {answer.status})" if answer.status != 200 else str(error)
            return Judged(None, told, mistake=error.mistake)
        except (ValueError, RecursionError):
            return Judged(None, _no_answer(answer.status))
        values = [one for one in numbers if not math.isnan(one)]
        if not values:
            return Judged(None, "no value: NaN alone, as 0/0 is" if numbers else "no value: no series matches")
        high, low = max(values), min(values)
        if self.above is not None and high > self.above:
            return Judged(False, _told(high, "highest", values), high)
        if self.below is not None and low < self.below:
            return Judged(False, _told(low, "lowest", values), low)
        nearest, which = (high, "highest") if self.above is not None else (low, "lowest")
        return Judged(True, _told(nearest, which, values), nearest)


class _NoNumbersError(ValueError):
    """The server answers, with something else than numbers; `mistake`: and always will, to this query."""

    def __init__(self, text: str, *, mistake: bool) -> None:
        super().__init__(text)
        self.mistake = mistake


#: What the kinds of errors of the API mean for whoever wrote the query.
_KINDS = {
    "bad_data": "Prometheus refuses the query: bad_data",
    "execution": "Prometheus cannot work the query out: execution",
    "timeout": "the query takes longer than Prometheus allows: timeout",
}
#: What a status means that comes without an answer of the API.
_STATUSES = {
    400: "no answer of Prometheus's API; a server of https answers so to http",
    401: "it wants other credentials in `headers`",
    403: "it wants other credentials in `headers`",
    404: "there is no /api/v1/query, so its URL may have a prefix that `prometheus` lacks",
    503: "not ready, as while it starts",
}
#: Where in the query its error is; of the error's text nothing but these figures is repeated.
_PLACE = re.compile(r"\b1:(\d{1,5}): parse error")


def _told(value: float, which: str, values: list[float]) -> str:
    return f"{value:g} (the {which} of {len(values)} series)" if len(values) > 1 else f"{value:g}"


def _no_answer(status: int) -> str:
    """What came is none of the API's; by its status."""
    if 300 <= status < 400:
        return f"status {status}: a redirect, which is not followed: name the URL that it leads to"
    why = _STATUSES.get(status, "no answer of Prometheus's API")
    return f"status {status}: {why}" if status != 200 else why


def _refusal(found: Mapping[str, Any]) -> str:
    """Why the server gives no result, in words of ours: its own may hold labels, and so anything."""
    kind = found.get("errorType")
    if not isinstance(kind, str) or len(kind) > 40:
        return "no success"
    place = _PLACE.search(error) if isinstance(error := found.get("error"), str) else None
    return _KINDS.get(kind, f"Prometheus says {kind}") + (f", at its character {place[1]}" if place else "")


def _numbers(found: Any) -> list[float]:
    """The numbers of an answer; ValueError when it is none."""
    if not isinstance(found, dict):
        raise ValueError("no mapping")  # noqa: TRY004  # what is wrong with an answer is of one kind
    if found.get("status") != "success":
        if "errorType" not in found:
            raise ValueError("no success")
        raise _NoNumbersError(_refusal(found), mistake=found["errorType"] == "bad_data")
    data = found.get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "scalar":
        samples = [result]
    elif kind == "vector" and isinstance(result, list):
        samples = [one.get("value") if isinstance(one, dict) else None for one in result]
    elif kind in ("matrix", "string"):
        raise _NoNumbersError(f"the query gives a {kind}, expected one number for each series", mistake=True)
    else:
        raise ValueError("no result")
    return [_number(one) for one in samples]


def _number(sample: object) -> float:
    """The value of `[time, "value"]`; a text, because JSON has no NaN and no infinity."""
    if not isinstance(sample, list) or len(sample) != 2 or not isinstance(sample[1], str) or len(sample[1]) > 64:
        raise ValueError("no sample")
    return float(sample[1])


MEMBER = PrometheusProbe
