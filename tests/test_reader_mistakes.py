"""The reader on the mistakes that people make: the right place, and what would work.

In each case `@` marks where the problem must stand; it is taken out before reading.
"""

import pytest
from scenario_text import EXAMPLE, SMALL

from chaosllm.errors import Level
from chaosllm.reader import read

OPERATION = "target: {operation: {path: /chat, json: {m: '{prompt}'}}}\n"
STORM = "when: {share: 40%}"

#: (what to replace in the small scenario, with what, words that the problem must hold)
MISTAKES = [
    ("name: small", "name: small\n@sed: 7", "did you mean `seed`?"),
    ("version: 1", "version: @2", "expected 1"),
    ("version: 1\n", "", "`version` is missing"),
    ("name: small", "name: @rate limit storm", "rate-limit-storm"),
    ("name: small", "name: @no", "quote it"),
    ("name: small", "name: small\nseed: @'7'", "without quotes: 7"),
    ("name: small", "name: small\nseed: @1.5", "whole number"),
    ("name: small", "name: small\n@name: again", "first on line 2"),
    ("provider: openai", "provider: @opanai", "did you mean `openai`?"),
    ("url: simulator", "url: @https://api.openai.com/v1", "https://api.openai.com"),
    ("url: simulator", "url: @api.openai.com", "did you mean https://api.openai.com?"),
    ("simulator}\n", "simulator}\n  - {provider: @openai, url: simulator}\n", "listed twice"),
    ("duration: 60s", "duration: @60", "60s"),
    ("{name: baseline, duration: 60s}", "{name: baseline, duration: @}", "found nothing"),
    ("name: small", "name:@", "such as name: rate-limit-storm"),
    ("{provider: openai, url: simulator}", "@openai", "write {provider: openai, url: simulator}"),
    ("share: 40%", "share: @25", 'such as "25%"'),
    ("duration: 60s", "duration: @0s", "more than 0"),
    ("duration: 60s", "duration: @-5s", "expected a duration"),
    ("duration: 60s", "duration: @1:30", "1m30s"),
    ("duration: 60s", "duration: @012", "octal"),
    ("duration: 60s", "@durration: 60s", "did you mean `duration`?"),
    ("name: recovery", "name: @storm", "two phases `storm`"),
    ("duration: 90s", "duration: 90s, role: @recover", "did you mean `recovery`?"),
    ("duration: 1m", "duration: 1m\n    role: @baseline", "fault phase"),
    ("fault: rate_limit", "fault: @ratelimit", "did you mean `rate_limit`?"),
    ("      - fault: rate_limit\n        when", "      - @when", "`fault` is missing"),
    ("      - fault: rate_limit\n        when", "      - @falt: rate_limit\n        when", "did you mean `fault`?"),
    (STORM, STORM + "\n        @retry_afer: 2s", "did you mean `retry_after`?"),
    (STORM, "when: {share: @0.4}", "40%"),
    (STORM, "when: {share: @140%}", "at most 100%"),
    (STORM, "when: @40%", "when: {share: 40%}"),
    (STORM, "@share: 40%", "write when: {share: ...}"),
    (STORM, "@model: gpt-4", "write match: {model: ...}"),
    (STORM, "match: {prompt_tokens: @{from: 900, to: 90}}", "below `to`"),
    (STORM, "match: {prompt_tokens: @900}", "a mapping"),
    (STORM, "match: {key: @sk-abcdef}", "sha256sum"),
    (STORM, "match: {key: @sha256:12}", "at least 8 digits"),
    (STORM, "when: {@sharre: 4%}", "did you mean `share`?"),
    (STORM, "when: {every: @0}", "at least 1"),
    (STORM, "when: {of: @phase}", "without `first`"),
    (STORM, "when: {window: @{from: 20s, to: 5s}}", "before it begins"),
    (STORM, "when: {window: @{from: 60s, to: 90s}}", "can never fire"),
    (STORM, "when: {after: @10, first: 5}", "`of: phase`"),
    (STORM, "when: {after: @0}", "at least 1"),
    (STORM, "when: {burst: @{every: 5s, length: 20s}}", "`length` must be below `every`"),
    (STORM, "when: {burst: {every: 5s, @lenght: 2s}}", "did you mean `length`?"),
    (STORM, "when: {burst: {every: @0s, length: 1s}}", "more than 0"),
    (STORM, "when: {ramp: @60%}", "a mapping"),
    (STORM, "when: {ramp: @{from: 60%, to: 60%}}", "`share` in its place"),
    (STORM, "when: {share: @40%, ramp: {from: 0%, to: 60%}}", "beside `ramp`"),
    (STORM, "when: {first: @3, of: phase, ramp: {from: 0%, to: 60%}}", "`of: operation`"),
    (STORM, "when: {outage: @{up: 30s}}", "`down` is missing"),
    (STORM, "when: {outage: {up: @0s, down: 2s}}", "of 0s"),
    (STORM, "when: {outage: {up: @30, down: 2s}}", "30s"),
    (STORM, "when: {outage: {up: @{exponentail: {mean: 3s}}, down: 2s}}", "exponential"),
    (STORM, "when: {outage: {up: @{weibull: {scale: 3s}}, down: 2s}}", "{scale, shape}"),
    (STORM, "when: {outage: @{up: 61s, down: 2s}}", "can never go down"),
    (STORM, "when: {outage: {up: 1s, down: @1ms}}", "at least 10ms"),
    (STORM, "when: {window: {from: 1s, to: 2s}, outage: @{up: 90s, down: 1s}}", "can never go down"),
    (STORM, "when: @{window: {from: 1s, to: 2s}, outage: {up: 9s, down: 1s}}", "none in common"),
    (STORM, "when: {trace: @{speed: 2}}", "expected one of them"),
    (STORM, "when: {trace: @{times: [70s, 80s]}}", "raise `speed`"),
    (STORM, "when: {trace: {times: [@5]}}", "5s"),
    (STORM, "when: {trace: @/etc/passwd}", "relative to the scenario"),
    (STORM, "when: {load: {capacity: @20}}", "20/s"),
    (STORM, "when: {correlated: @storm.1}", "there is no rule `storm.1`"),
    (STORM, "when: {correlated: @storm.0}", "follows itself"),
    (STORM, "when: {correlated: slwo}\n      - {fault: latency, tokens: 5/s, name: slow}".replace("slwo", "@slwo"),
     "did you mean `slow`?"),
    (STORM, "when: {correlated: @slow}\n      - {fault: latency, tokens: 5/s, name: slow, when: {correlated: storm.0}}",
     "a trigger of its own"),
    (STORM, "when: {correlated: @q}\n      - {fault: rate_limit, name: q, buckets: {rpm: 3}}", "live limits"),
    (STORM, "when: @{share: 10%}\n        buckets: {rpm: 60}", "beside `buckets`"),
    (STORM, "buckets: {@tmp: 60}", "did you mean `tpm` or"),
    (STORM, "retry_after: @soon", "garbage"),
    (STORM, "buckets: {spend: @2 USD}", "2 USD/h"),
    (STORM, "headers: @maybe", "'lie' or 'none'"),
    ("fault: rate_limit", "fault: quota\n        budget: @2 EUR", "50000 tokens or 2 USD"),
    (STORM, "match: {provider: @anthropic}", "can never fire"),
    (STORM, "match: {@modle: gpt-4}", "did you mean `model`?"),
    (STORM, "match: {prompt: @'('}", "regular expression"),
    (STORM, "match: {stream: @yes}", "true or false"),
    (STORM, "match: {model: @*gpt}", 'quote a value that begins with *: "*gpt"'),
    ("fault: rate_limit", "fault: error\n        status: @200", "at least 400"),
    ("fault: rate_limit", "fault: truncate\n        shape: @cleen", "did you mean `clean`"),
    ("fault: rate_limit", "fault: stall\n        at: 50%\n        for: @30", "30s"),
    ("fault: rate_limit", "fault: stall\n        at: @[10%, 3 events]", "one unit"),
    ("fault: rate_limit", "fault: stall\n        at: @[10%, 10%]", "same place twice"),
    ("fault: rate_limit", "fault: reset\n        at: accept\n        match: @{model: a}", "strikes at accept"),
    (SMALL, SMALL + "objectives:\n  - @success_rate(strom) >= 95%\n", "did you mean `storm`?"),
    (SMALL, SMALL + "objectives:\n  - @sucess_rate(storm) >= 95%\n", "did you mean `success_rate`?"),
    (SMALL, SMALL + "objectives:\n  - @success_rate(storm) >= 95\n", "did you mean 95%?"),
    (SMALL, SMALL + "objectives:\n  - @latency_p95(storm) =< 2s\n", "did you mean `<=`?"),
    (SMALL, SMALL + "objectives:\n  - @latency_p95(storm): 2s\n", "quote it"),
    (SMALL, SMALL + "objectives: [@latency_p95(storm, x) <= 2s]\n", "quote it"),
    (SMALL, SMALL + "objectives: @success_rate(storm) >= 95%\n", "expected a list"),
    (SMALL, SMALL + "objectives:\n  - @time_to_recover(storm) <= 9s\n", "write time_to_recover alone"),
    (SMALL, SMALL + "stop_when:\n  - @success_rate(storm) < 20%\n", "last 10s"),
    (SMALL, SMALL + "stop_when:\n  - @tpot(last 10s) > 1s\n", "not known before the run is over"),
    (SMALL, SMALL + "stop_when:\n  - @latency_p99 > 1s\n", "the driver tells latency_p50 and latency_p95"),
    (SMALL, SMALL + "stop_when:\n  - @hang > 20\n", "did you mean `hangs`"),
    (SMALL, SMALL + "stop_when:\n  - @spend < 5 USD\n", "write spend > 5 USD"),
    (SMALL, SMALL + "stop_when:\n  - @spend > 5\n", "did you mean 5 USD?"),
    (SMALL, SMALL + "stop_when:\n  - @hangs > 5%\n", "a whole number"),
    (SMALL, SMALL + "stop_when: [@5]\n", "{http: /healthz}"),
    (SMALL, SMALL + "stop_when: [@success_rate(last 10s): 5%]\n", "quote it"),
    (SMALL, SMALL + "stop_when: [{@htpt: /x}]\n", "did you mean `http`?"),
    (SMALL, SMALL + "stop_when: [@{grafana: /x}]\n", "http, prometheus"),
    (SMALL, SMALL + "stop_when: [@{every: 1s}]\n", "found no probe"),
    (SMALL, SMALL + "stop_when: [{http: @healthz}]\n", "a path on the app such as /healthz"),
    (SMALL, SMALL + 'stop_when: [{http: @"http://u:p@h/"}]\n', "${env:NAME}"),
    (SMALL, SMALL + "stop_when: [{http: /x, @statsu: 200}]\n", "did you mean `status`?"),
    (SMALL, SMALL + "stop_when: [{http: /x, status: @600}]\n", "a status such as 200"),
    (SMALL, SMALL + "stop_when: [{http: /x, text: @'('}]\n", "regular expression"),
    (SMALL, SMALL + "stop_when: [{http: /x, every: @1}]\n", "1s"),
    (SMALL, SMALL + "stop_when: [{http: /x, every: @10ms}]\n", "100ms to 1h"),
    (SMALL, SMALL + "stop_when: [{http: /x, timeout: @2m}]\n", "at most 60s"),
    (SMALL, SMALL + "stop_when: [{http: /x, failures: @0}]\n", "at least 1"),
    (SMALL, SMALL + "stop_when: [{http: /x, headers: @{a: '${env:B'}}]\n", "${env:NAME}"),
    (SMALL, SMALL + "stop_when: [{http: /x, @prometheus: 'http://p'}]\n", "one of them"),
    (SMALL, SMALL + "stop_when: [@{prometheus: 'http://p'}]\n", "`query` is missing"),
    (SMALL, SMALL + "stop_when: [{prometheus: 'http://p', query: @up}]\n", "above: 0.05"),
    (SMALL, SMALL + "stop_when: [{prometheus: @/x, query: up, above: 1}]\n", "http://127.0.0.1:9090"),
    (SMALL, SMALL + "stop_when: [{prometheus: 'http://p', query: up, above: @5%}]\n", "a plain number"),
    (SMALL, SMALL + "stop_when: [{prometheus: 'http://p', query: up, above: 1, below: @2}]\n", "exchange the two"),
    (SMALL, SMALL + "limits: {safety_lever: @~/off}\n", "/run/chaos-off"),
    (SMALL, SMALL + "limits: {safety_lever: @ftp://a}\n", "expected a URL"),
    (SMALL, SMALL + "load: {rate: @20}\n", "20/s"),
    (SMALL, SMALL + "load: {rate: @0/s}\n", "more than 0"),
    (SMALL, SMALL + "load: {rate: @100000000/s}\n", "lower the rate"),
    (SMALL, SMALL + "load: {arrivals: @posson}\n", "did you mean `poisson`?"),
    (SMALL, SMALL + "load: {prompts: @../../etc/passwd}\n", "stays in its folder"),
    (SMALL, SMALL + "load: {prompts: @/etc/passwd}\n", "stays in its folder"),
    (SMALL, SMALL + "load:\n@\trate: 20/s\n", "use spaces"),
    (SMALL, SMALL + "limits: {max_duration: @1m}\n", "longer than 1m"),
    (SMALL, SMALL.replace("simulator", "https://api.openai.com") + "limits: {max_spend: @5 USD}\n", "does not add up"),
    (SMALL, SMALL + "limits: {max_active_faults: @0.5}\n", "50%"),
    (SMALL, SMALL + "fail_on: @never\n", "'critical', 'major' or 'none'"),
    (SMALL, SMALL + "@---\nversion: 1\n", "second document"),
    (SMALL, SMALL + "tags: [@!!python/name:os.system x]\n", "tag"),
    (SMALL, SMALL + "load: &l {rate: 1/s}\nlimits: {@<<: *l}\n", "merge keys"),
    (SMALL, SMALL + "tags: @*gone\n", "not defined"),
    (SMALL, SMALL + OPERATION.replace("/chat", "@chat"), "begins with /"),
    (SMALL, SMALL + OPERATION.replace("path", "answer: @'$..[', path"), "JSONPath"),
    (SMALL, SMALL + OPERATION.replace("path", "answer: @'', path"), "such as $.answer"),
    (SMALL, SMALL + OPERATION.replace("path", "good: {schema: @{type: 5}}, path"), "JSON Schema"),
    (SMALL, SMALL + OPERATION.replace("path", "headers: {a: @'${TOKEN}'}, path"), "${env:TOKEN}"),
    (SMALL, SMALL + OPERATION.replace("path", "body: @x, path"), "one body"),
    (SMALL, SMALL + "target: {url: @localhost:8000}\n", "http://127.0.0.1:8000"),
    (SMALL, SMALL + "target: {timeout: @30}\n", "30s"),
    (SMALL, SMALL + "target: @http://127.0.0.1:8000\n", "expected a mapping"),
    # the newest keys
    (SMALL, SMALL + "parameters: {rate: 20/s}\nload: {rate: @'${rte}'}\n", "did you mean ${rate}?"),
    (SMALL, SMALL + "load: {rate: @'${rate}'}\n", "${rate:-"),
    (SMALL, SMALL + "parameters: @[rate]\n", "a mapping"),
    (SMALL, SMALL + "@inlcude: common.yaml\n", "did you mean `include`?"),
    (SMALL, SMALL + "vary: {load.rate: @10/s}\n", "a list"),
    (SMALL, SMALL + "vary: {load.rat: [@10/s]}\n", "did you mean `rate`?"),
    ("  - {name: recovery", "  - {name: block, repeat: @0, phases: [{name: a, duration: 9s}]}\n  - {name: recovery",
     "at least 1"),
    ("  - {name: recovery", "  - {name: block, @repaet: 2, phases: [{name: a, duration: 9s}]}\n  - {name: recovery",
     "did you mean `repeat`?"),
    (SMALL, SMALL + "accept: [{finding: @retry_strom, owner: a, reason: b, until: '2030-01-01'}]\n",
     "did you mean `retry_storm`"),
    (SMALL, SMALL + "accept: [@{finding: retry_storm, owner: a, reason: b}]\n", "`until` is missing"),
    (SMALL, SMALL + "accept: [{finding: retry_storm, owner: a, reason: b, until: @soon}]\n", "2026-12-31"),
    (SMALL, SMALL + "target: {operations: [@{path: /a, json: '{prompt}'}]}\n", "`name` is missing"),
    (SMALL, SMALL + "target: {operations: [{name: a, weight: @0, json: '{prompt}'}]}\n", "more than 0"),
    (SMALL, SMALL + "target: {operations: [{name: a, json: '{prompt}'}, {name: @a, json: '{prompt}'}]}\n",
     "two operations"),
    (SMALL, SMALL + "target: {operation: {json: '{prompt}', cookies: {a b: @c}}}\n", "cookie's name"),
    (SMALL, SMALL + "target: {operation: {json: '{prompt}', side_effects: [send_email, @send an email]}}\n",
     "name of a tool"),
    (SMALL, SMALL + "target: {operation: {json: '{prompt}', @side_effect: send_email}}\n", "`side_effects`?"),
    (SMALL, SMALL + "target: {operation: {json: '{prompt}', side_effects: f}}\nload: {correlate: @none}\n",
     "correlate: prompt"),
    (SMALL, SMALL + "objectives: [@duplicate_side_effect == 0]\n", "side_effects: [send_email]"),
    (SMALL, SMALL + "target: {operation: {json: '{prompt}', @turn: 3}}\n", "did you mean `turns`?"),
    (SMALL, SMALL + "target: {operation: {json: '{prompt}', turns: 2, think: @3}}\n", "3s"),
    (SMALL, SMALL + "load: {shape: {ramp: {from: 1/s, to: @20}}}\n", "20/s"),
    (SMALL, SMALL + "load: {shape: @{ramp: {from: 1/s, to: 2/s}, spike: {at: 1s, to: 9/s, for: 1s}}}\n",
     "expected one of"),
    (SMALL, SMALL + "load: {@cv: 3}\n", "arrivals: gamma"),
    (SMALL, SMALL + "load: {arrivals: gamma, cv: @-1}\n", "more than 0"),
    (SMALL, SMALL + "load: {locustfile: locustfile.py, @rate: 3/s}\n", "load.users"),
    (SMALL, SMALL + "load: {@users: 3}\n", "there is none"),
    ("fault: rate_limit", "fault: content\n        canary: @[crad]", "one or more of card"),
    (STORM, "match: {operation: @chat}", "there is no operation `chat`"),
    (SMALL, SMALL + "@rules: [{fault: hang}]\n", "rules stand in a phase"),
    (SMALL, "@# nothing but a comment\n", "empty"),
    (SMALL, "@- version\n", "expected a mapping"),
]  # fmt: skip


#: The issue's own words for mistakes, and one of the rows above that each is.
TYPICAL = {
    "typo": "did you mean `seed`?", "wrong unit": 'such as "25%"', "no": "quote it", "tabs": "use spaces",
    "duplicate key": "first on line 2", "missing phase": "did you mean `storm`?", "share of 140 %": "at most 100%",
    "unknown model field": "did you mean `model`?", "rule outside its phase": "rules stand in a phase",
}  # fmt: skip


def marked(text):
    """(text without its mark, line, column)."""
    before = text[: text.index("@")]
    return text.replace("@", "", 1), before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES, ids=[str(n) for n in range(len(MISTAKES))])
def test_mistake_has_its_place_and_its_cure(old, new, words):
    """Each mistake is one error (and no cascade), at its line and column, that says what would work."""
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    if "@" in new:
        text, line, column = marked(text)
    else:
        line, column = 1, 1
    reading = read(text, "s.yaml")
    assert reading.scenario is None
    errors = [problem for problem in reading.problems if problem.level is Level.ERROR]
    assert [str(problem.where) for problem in errors] == [f"s.yaml:{line}:{column}"], errors
    assert words in str(errors[0])


def test_the_typical_ones_are_among_them():
    """Each mistake that the issue names is a row."""
    words = [row[2] for row in MISTAKES]
    assert [name for name, said in TYPICAL.items() if said not in words] == []
    assert len(MISTAKES) > 40


def test_all_mistakes_are_reported_at_once():
    """One reading shows every mistake, in the order of the file."""
    text = (
        EXAMPLE.replace("seed: 7", "sed: 7")
        .replace("timeout: 30s", "timeout: 30")
        .replace("rate: 20/s", "rate: 20")
        .replace("fault: rate_limit", "fault: rate_limt")
        .replace("success_rate(storm)", "success_rate(strom)")
        .replace("fail_on: critical", "fail_on: crit")
    )
    lines = [problem.where.line for problem in read(text).problems]
    assert lines == [5, 20, 24, 31, 40, 48]


def test_two_missing_keys_of_one_mapping_are_both_told():
    """What is missing from one mapping is told in full, though it has one place."""
    whats = [problem.what for problem in read("version: 1\n").problems]
    assert whats == ["`name` is missing", "`upstreams` is missing", "`phases` is missing"]


def test_bytes_that_are_not_utf8_have_a_place():
    """A file in Latin-1 is refused at its first bad byte."""
    (problem,) = read(b"version: 1\nname: caf\xe9\n").problems
    assert (problem.where.line, problem.where.column) == (2, 10)
    assert "UTF-8" in problem.hint
