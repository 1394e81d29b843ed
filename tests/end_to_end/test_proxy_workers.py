"""Several processes on the proxy's ports are one proxy: counts, limits, numbers, ports, record, start and end."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from proxy_rig import ProxyChild, RawClient, eventually, scenario
from running import Started, tiny

from chaosllm.adapters.proxy.workers import ports

pytestmark = pytest.mark.end_to_end

RULES = [
    ("limited", {"fault": "rate_limit", "buckets": {"rpm": 5}}),
    ("third", {"fault": "error", "status": 503, "when": {"every": 3}}),
    ("hang", {"fault": "hang", "for": "ever"}),
]


@pytest.fixture
def start(upstream, tmp_path):
    children = []

    def started(*rules, phases=None, **config):
        more = {"phases": phases} if phases else {}
        folder = tmp_path / f"run{len(children)}"
        upstreams = {"openai": upstream.url}
        children.append(ProxyChild(folder, scenario(*rules, **more), upstreams, workers=2, **config))
        return children[-1]

    yield started
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
        child.process.wait()


def ask(proxy, model, count=1, **how):
    """Statuses of `count` calls, each on a connection of its own, so that both workers get some."""
    found = []
    for _ in range(count):
        client = RawClient(proxy.ready["reverse"]["openai"])
        found.append(client.ask(model, stream=False, **how).status)
        client.close()
    return found


def refused(proxy):
    """Whether a new connection is refused now."""
    try:
        RawClient(proxy.ready["reverse"]["openai"]).close()
    except ConnectionRefusedError:
        return True
    return False


def workers(proxy):
    return [one["pid"] for one in proxy.status()["workers"]]


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def lines(proxy):
    return [json.loads(line) for line in (proxy.folder / "events.jsonl").read_text().splitlines()]


def test_two_workers_are_one_proxy(start):
    """Both serve; a bucket of 5 lets 5 in and every third call breaks, whoever met it; counts and record add up."""
    proxy = start(*RULES)
    assert ask(proxy, "third", 30) == [200, 200, 503] * 10  # one after the other, so the order is that of arrival
    assert Counter(ask(proxy, "limited", 24)) == {200: 5, 429: 19}
    hung = RawClient(proxy.ready["reverse"]["openai"])
    hung.send("hang")
    eventually(lambda: proxy.status()["in_flight"] == 1)
    status = proxy.status()
    each = status["workers"]
    assert all(one["calls"] > 0 for one in each)
    assert status["calls"] == sum(one["calls"] for one in each) == 55
    assert (status["injected"], status["failures"], status["recognised"]) == (29, 0, 55)
    assert status["cpu"] == max(one["cpu"] for one in each)
    assert (
        status["by_rule"]["on.0"] | {"eligible": 24, "planned": 19, "fired": 19, "delivered": 19}
        == (status["by_rule"]["on.0"])
    )
    assert proxy.stop() == 0
    hung.close()
    events = lines(proxy)
    assert len({event["call"] for event in events}) == len(events) == 55  # numbers are drawn once
    assert Counter(event["ended"] for event in events)["in_flight"] == 1
    assert max(event["t"] for event in events) < 60  # all count from one start
    assert {one["worker"] for one in proxy.messages if one["type"] == "vitals"} == {1, 2}
    assert [one["type"] for one in proxy.messages][-1] == "stopped"
    assert proxy.errors == ""
    assert not [*(proxy.folder / "ca").glob("*")]


def test_a_port_refuses_at_every_worker(start):
    """In the phase nobody is let in, afterwards everybody, and each second of it is recorded once."""
    storm = {"name": "storm", "duration": "3s", "rules": [{"fault": "connection", "kind": "refused"}]}
    phases = [{"name": "calm", "duration": "500ms"}, storm, {"name": "after", "duration": "60s"}]
    proxy = start(phases=phases, phase=None)
    assert ask(proxy, "kept") == [200]
    begun = time.monotonic()
    proxy.tell({"do": "start", "t0": begun})
    eventually(lambda: all(refused(proxy) for _ in range(12)))  # so both have looked at the phases
    assert time.monotonic() - begun >= 0.5
    while time.monotonic() < begun + 3.0:
        assert refused(proxy) or time.monotonic() > begun + 3.5  # one that took so long may have come afterwards
        time.sleep(0.05)
    eventually(lambda: not refused(proxy))
    assert time.monotonic() - begun >= 3.5
    assert ask(proxy, "kept", 20) == [200] * 20
    eventually(lambda: ask(proxy, "kept") == [200] and all(one["calls"] for one in proxy.status()["workers"]))
    status = proxy.status()
    counts = {"eligible": 3, "planned": 3, "fired": 3, "delivered": 3, "capped": 0, "in_flight": 0}
    assert status["by_rule"]["storm.0"] == counts
    assert all(one["calls"] for one in status["workers"])
    assert proxy.stop() == 0
    met = [event["call"] for event in lines(proxy) if event["endpoint"] == "connection"]
    assert sorted(met) == ["port-openai-0", "port-openai-1", "port-openai-2"]


def test_a_worker_that_dies_is_told_and_the_others_go_on(start):
    """Its death is a failure of ours, what it had told still counts, and every later call is answered."""
    proxy = start()
    ask(proxy, "before", 12)
    first, second = workers(proxy)
    os.kill(first, signal.SIGKILL)
    said = proxy.next("failure")
    assert said["what"].startswith("the proxy worker 1 of 2 ended by itself (killed by SIGKILL)")
    assert ask(proxy, "after", 12) == [200] * 12
    status = proxy.status()
    assert (status["failures"], status["recognised"]) == (1, 24)
    os.kill(second, signal.SIGKILL)
    assert "worker 2 of 2" in proxy.next("error")["what"]  # and the supervisor sees the proxy end
    assert proxy.stop() == 3


@pytest.mark.parametrize("how", ["sigkill", "eof"])
def test_no_worker_outlives_the_coordinator(start, how):
    """Not even a coordinator that is killed and can tell nobody; what faults hold passes before they go."""
    proxy = start(*RULES)
    hung = RawClient(proxy.ready["reverse"]["openai"])
    hung.send("hang")
    eventually(lambda: proxy.status()["in_flight"] == 1)
    pids = workers(proxy)
    assert all(lives(pid) for pid in pids)
    if how == "sigkill":
        proxy.process.kill()
    else:
        proxy.process.stdin.close()
    proxy.process.wait(30)
    eventually(lambda: not any(lives(pid) for pid in pids))
    hung.close()
    assert [event["ended"] for event in lines(proxy)] == ["whole"]


def test_a_port_that_is_taken_is_refused(start):
    """Also one that its holder would share with us: we would take each other's connections."""
    with ports.shared("127.0.0.1", 0) as holder:
        holder.listen()
        port = holder.getsockname()[1]
        proxy = start(port=port)
    assert proxy.ready["type"] == "error"
    assert f"cannot listen on 127.0.0.1:{port}" in proxy.ready["what"]
    assert proxy.stop() == 3


def test_what_no_worker_can_start_with_is_told_once(start):
    """The first worker's reason is the proxy's, and none is left."""
    proxy = start(ca={"openai": "no-such-file.pem"})
    assert proxy.ready["type"] == "error"
    assert "no-such-file.pem cannot be used" in proxy.ready["what"]
    assert proxy.stop() == 3
    assert not [one for one in proxy.messages[1:] if one["type"] != "failure"]


def test_a_run_with_two_workers(tmp_path):
    """Live buckets hold for both together, every record joins, and the verdict rests on no failure of ours."""
    broken = [{"fault": "rate_limit", "buckets": {"rpm": 60}, "match": {"provider": "openai"}}]
    phases = [{"name": "baseline", "duration": "500ms"}, {"name": "broken", "duration": "2s", "rules": broken}]
    run = tiny(tmp_path, phases=phases, load={"rate": "60/s"})
    started = Started(
        ("run", "--json", "--proxy-workers", "2", "--out", str(tmp_path / "out"), *run), tmp_path, drawn=False
    )
    code, out, err = started.end(60)
    assert code in (0, 1, 4), err
    assert started.left() == []
    summary = json.loads(out.splitlines()[-1])
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert meta["failures"] == []
    assert all(one["calls"] for one in meta["proxy"]["workers"])
    assert sum(one["calls"] for one in meta["proxy"]["workers"]) == meta["proxy"]["calls"]
    assert meta["proxy"]["by_rule"]["broken.0"]["in_flight"] == 0
    let_in = meta["proxy"]["by_rule"]["broken.0"]["eligible"] - meta["proxy"]["by_rule"]["broken.0"]["fired"]
    assert 60 <= let_in <= 60 + 8  # refilled until the last call of the phase has come, or its user has left
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert len(events) == meta["proxy"]["recognised"]
    assert len({event["call"] for event in events}) == len(events)
    assert summary["match_rate"] == 1.0
    assert {one["worker"] for one in meta["vitals"] if one["process"] == "proxy"} == {1, 2}


def test_ctrl_c_keeps_everything(tmp_path, upstream):
    """Stopped in the midst of a call, the record is whole, who was held gets an answer, and no process is left."""
    stall = ("stall", {"fault": "stall", "at": "50%", "for": "ever"})
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(scenario(*RULES, stall)))
    options = ("--proxy-workers", "2", "--phase", "on", "--json", "--out", str(tmp_path / "out"))
    upstreams = ("--upstream", f"openai={upstream.url}")
    started = Started(("proxy", str(tmp_path / "s.yaml"), *options, *upstreams), tmp_path)
    ready = json.loads(started.process.stdout.readline())
    for model in ("third", "third", "third", "limited"):
        RawClient(ready["reverse"]["openai"]).ask(model, stream=False)
    client = RawClient(ready["reverse"]["openai"])
    client.send("stall")
    client.begun()  # because a call that the proxy has not read yet is no call that it may lose
    started.interrupt()
    code, _, err = started.end(30)
    assert (code, err) == (0, "stopped: 5 calls, 1 injected, 0 not recognised\n")
    assert started.left() == []
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert Counter(event["ended"] for event in events) == {"whole": 5}
    assert client.receive().end == "proper"
    client.close()
