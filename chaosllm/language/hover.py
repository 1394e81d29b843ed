"""What an editor says of a key: a line for each key of the language whose name and unit leave a question.

A key that the model itself describes needs no line here, and a fault's fields are told by the fault.
"""

from __future__ import annotations

#: Definition of the JSON Schema (`` is the scenario itself) -> key -> its line.
HOVER: dict[str, dict[str, str]] = {
    "": {
        "version": "of the scenario language: 1",
        "name": "names the run folder and the report, such as rate-limit-storm",
        "hypothesis": "what you expect to hold while the faults are on, in a sentence that can turn out wrong",
        "seed": "the same seed breaks the same calls; another one breaks others",
        "tags": "words to find the scenario by",
        "target": "the app under test: where it listens, what a user asks, how a good answer looks",
        "upstreams": "the LLM providers that the app calls; only their calls are ever broken",
        "load": "how many users arrive, and with which prompts; 5/s of built-in prompts unless said otherwise",
        "phases": "what happens, in order: warmup, baseline, phases with rules (the faults), recovery",
        "limits": "the most that may be touched",
    },
    "Accept": {
        "finding": "`chaosllm list findings` shows all",
        "phase": "only in this phase; without it, wherever it is seen",
        "owner": "who answers for it",
        "reason": "why it is accepted, and what will be done",
    },
    "Price": {
        "input": "USD for a million tokens of prompts, such as 1.50 USD",
        "output": "USD for a million tokens of answers",
    },
    "Target": {
        "url": "where the app listens",
        "start": "how to start the app; without it, it runs already, or `run ... -- COMMAND` starts it",
        "operation": "one request that a user makes of the app; it, or `operations`, is needed wherever load is driven",
    },
    "Start": {
        "command": "words, such as [python, -m, myapp]; no shell is between",
        "ready": "a path that answers 2xx once the app is ready, such as /healthz",
        "env": "variables for the app; values may hold ${env:NAME}",
    },
    "Operation": {
        "method": "POST unless said otherwise",
        "path": "appended to target.url, such as /chat",
        "body": 'the body as text, in place of json; "{prompt}" is replaced',
        "stream": "sse when the app answers as server-sent events",
        "good": "what makes an answer good; else it counts as wrong",
        "degraded": "how the app declares a fallback answer, which then counts as degraded, not as good",
    },
    "Good": {
        "status": "the status of a good answer",
        "min_chars": "the least length of the answer's text",
        "regex": "found in the text",
        "max_latency": "an answer that takes longer counts as wrong, such as 10s",
    },
    "Degraded": {
        "header": "a response header that is there, such as x-degraded",
        "text": "a regular expression found in the text",
    },
    "Upstream": {"provider": "`chaosllm list providers` shows all"},
    "Load": {
        "rate": "users a second, such as 20/s or 60/min; they arrive whether or not the app keeps up",
        "arrivals": "poisson as real users come; constant; or gamma, which comes in bursts",
        "max_in_flight": "beyond it arrivals are dropped, and counted",
        "correlate": "how a call is matched to its operation: by a reference in the prompt, by a trace header, or not",
        "locustfile": "a Python file beside the scenario; its User classes ask the app, as a closed loop",
    },
    "Shape": {"spike": "a burst of users, such as {at: 20s, to: 50/s, for: 5s}"},
    "OfferedRamp": {"from": "such as 1/s", "to": "such as 20/s"},
    "OfferedStep": {"rate": "such as 5/s", "for": "such as 10s"},
    "OfferedSpike": {"at": "seconds from the run's start", "to": "such as 50/s", "for": "such as 5s"},
    "Phase": {
        "name": "such as storm; objectives name it",
        "duration": "such as 30s or 1m30s",
        "role": "inferred: warmup, baseline, then fault (with rules), then recovery",
    },
    "Group": {"name": "names the group; objectives name its phases"},
    "Match": {
        "provider": "such as openai",
        "endpoint": "such as chat or messages",
        "model": 'a glob, such as "gpt-4*"',
        "path": "a glob of the request's path",
        "tools": "whether the call offers tools",
        "stream": "whether the call asks for a stream",
        "attempt": "0 is the first attempt",
        "operation": "names of operations, such as chat, or numbers",
        "key": 'one API key of several, such as sha256:1a2b3c4d: printf %s "$KEY" | sha256sum',
        "not": "must not fit",
        "any": "one of them must fit",
        "all": "all of them must fit",
    },
    "Range": {"from": "at least so many", "to": "at most so many"},
    "rate_limit_Buckets": {
        "rpm": "requests a minute",
        "tpm": "tokens a minute, input and output together",
        "itpm": "input tokens a minute",
        "otpm": "output tokens a minute",
        "rpd": "requests a day",
        "tpd": "tokens a day",
        "concurrency": "calls at once",
        "spend": "money over time at list prices, such as 2 USD/h",
    },
    "When": {"window": "a stretch of the phase, such as {from: 5s, to: 20s}"},
    "Window": {"from": "seconds from the phase's beginning", "to": "seconds from the phase's beginning"},
    "Limits": {
        "hosts": "hosts that may be faulted beside those of the upstreams",
        "max_duration": "the run is refused when its phases last longer",
        "max_spend": "such as 5 USD",
    },
}

HOVER["Step"] = HOVER["Operation"] | {"name": "such as login; `match` and the report name it session.step"}
HOVER["Asked"] = HOVER["Operation"] | {"name": "such as chat; `match` and the report name it"}

#: What every rule may hold beside its fault's own fields.
RULE = {
    "when": "when the rule fires, such as {share: 40%}; without it, always",
    "match": 'which calls it may touch, such as {model: "gpt-4*"}; without it, every recognised call',
    "name": "names the rule in the report in place of its number",
}

#: The same for a suite.
SUITE: dict[str, dict[str, str]] = {
    "Accept": HOVER["Accept"],
    "": {
        "version": "of the language: 1",
        "suite": "the suite's name; this key tells a suite from a scenario",
        "summary": "what the suite is for, in a sentence",
        "scenarios": "paths of scenarios from here, such as ../calm.yaml, run in this order",
    },
    "Entry": {
        "scenario": "its path from here, such as ../calm.yaml; it may lead into the folder above, not further",
        "name": "another name for this run; needed when a scenario stands here twice",
        "set": "changes to it, as `run --set` makes them, such as {load.rate: 5/s}",
        "duration_scale": "multiplies its phases' durations, such as 0.5",
    },
}
