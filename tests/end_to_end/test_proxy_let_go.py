"""When injection ends, nobody stays held: what was under way passes, whole and at once, on real sockets."""

import time

import pytest
from proxy_rig import TEXT, WHOLE, ProxyChild, RawClient, eventually, scenario, text_of

pytestmark = pytest.mark.end_to_end

#: model -> (rule, whether the call streams); all would hold their call for much longer than a test lasts
HELD = {
    "hang": ({"fault": "hang", "for": "ever"}, False),
    "hang-stream": ({"fault": "hang", "for": "50s"}, True),
    "late": ({"fault": "latency", "first_token": "50s"}, True),
    "late-body": ({"fault": "latency", "first_token": "50s", "hold": "first_token"}, True),
    "paced": ({"fault": "latency", "tokens": "0.2/s"}, True),
    "paced-whole": ({"fault": "latency", "tokens": "0.2/s"}, False),
    "stall": ({"fault": "stall", "at": "50%", "for": "50s"}, True),
    "stall-ever": ({"fault": "stall", "at": "50%", "for": "ever"}, True),
    "stall-whole": ({"fault": "stall", "at": "50%", "for": "50s"}, False),
    "stall-whole-ever": ({"fault": "stall", "at": "50%", "for": "ever"}, False),
    "cut-late": ({"fault": "truncate", "shape": "abrupt", "at": "90%"}, True),
}
#: Seconds, on a machine with much else to do too; what waits for the upstream's next words comes with these.
SOON = 8.0


@pytest.fixture(params=[1, 2], ids=["alone", "workers"])
def proxy(request, upstream, tmp_path):
    proxy = ProxyChild(
        tmp_path / "run", scenario(*((model, rule) for model, (rule, _) in HELD.items())), {"openai": upstream.url},
        **({"workers": request.param} if request.param > 1 else {}),
    )  # fmt: skip
    yield proxy
    assert proxy.stop() == 0
    assert not [one for one in proxy.messages if one["type"] == "failure"]
    assert proxy.errors == ""


def steering(paused=False, **rules):
    switches = {f"on.{[*HELD].index(name)}": one for name, one in rules.items()}
    return {"paused": paused, "durations": [], "rules": switches}


def begin(proxy, models, wishes=""):
    clients = {}
    for model in models:
        clients[model] = client = RawClient(proxy.ready["reverse"]["openai"])
        client.send(model, wishes, stream=HELD[model][1])
    eventually(lambda: proxy.status()["in_flight"] == len(models))
    time.sleep(0.3)  # so that each is where its fault holds it
    return clients


def whole(answer, model):
    said = text_of(answer.body) if HELD[model][1] else answer.body
    return answer.status == 200 and answer.end == "proper" and said == (TEXT if HELD[model][1] else WHOLE)


@pytest.mark.parametrize("how", ["clean", "pause"])
def test_all_that_is_held_passes_whole_and_soon(proxy, how):
    """Whatever holds a call, and wherever, its rest comes as the upstream said it; and then calls pass clean."""
    models = [name for name in HELD if name != "cut-late"]
    clients = begin(proxy, models)
    asked = time.monotonic()
    if how == "clean":
        proxy.tell({"do": "clean"})
        proxy.next("cleaned")
    else:
        proxy.tell({"do": "steer", "version": 5, "steering": steering(paused=True)})
        assert proxy.next("steered")["version"] == 5
    answers = {model: client.receive() for model, client in clients.items()}
    assert time.monotonic() - asked < SOON
    assert [model for model, answer in answers.items() if not whole(answer, model)] == []
    for model in models:
        (event,) = proxy.events(model)
        (part,) = event["rules"]
        assert (part["fired"], part["delivered"], part["why"]) == (True, False, "let go"), model
        assert (event["did"], event["ended"]) == ("skipped", "whole"), model
    for model, client in clients.items():
        assert whole(client.ask(model, stream=HELD[model][1]), model)  # on the same connection
        assert proxy.events(model, 2)[1].get("did", "passed") == "passed"
        client.close()


def test_a_switch_lets_go_its_own_calls_alone(proxy):
    """One rule is switched off: another's calls are held on, until its own turn."""
    clients = begin(proxy, ["stall-ever", "hang"])
    proxy.tell({"do": "steer", "version": 1, "steering": steering(hang={"on": False, "share": None, "owed": 0})})
    proxy.next("steered")
    assert whole(clients["hang"].receive(), "hang")
    assert proxy.status()["in_flight"] == 1
    proxy.tell({"do": "clean"})
    proxy.next("cleaned")
    assert whole(clients["stall-ever"].receive(), "stall-ever")


def test_a_fault_that_has_not_struck_yet_does_not_strike(proxy):
    """A cut that waits for its place falls away with the stop; the answer goes on at the upstream's pace."""
    clients = begin(proxy, ["cut-late"], "gap=0.1")
    proxy.tell({"do": "clean"})
    proxy.next("cleaned")
    assert whole(clients["cut-late"].receive(), "cut-late")


def test_a_silent_supervisor_ends_injection(upstream, tmp_path):
    """The lease: whoever lives but says nothing may be frozen, and cannot press a button."""
    rules = [("hang", HELD["hang"][0])]
    proxy = ProxyChild(tmp_path / "run", scenario(*rules), {"openai": upstream.url}, lease=3.0)
    client = RawClient(proxy.ready["reverse"]["openai"])
    client.send("hang", stream=False)
    for _ in range(14):
        time.sleep(0.25)
        proxy.tell({"do": "beat"})
    proxy.status()
    assert not any(one["type"] == "lapsed" for one in proxy.messages)
    assert proxy.next("lapsed") == {"type": "lapsed", "seconds": 3.0}
    assert client.receive().body == WHOLE
    assert proxy.stop() == 0


def test_the_lease_begins_with_the_run(upstream, tmp_path):
    """An app that takes its time to start costs no injection: who has nothing to say yet is not frozen."""
    rules = [("hang", HELD["hang"][0])]
    phase = {"phase": None, "lease": 2.0}
    proxy = ProxyChild(tmp_path / "run", scenario(*rules), {"openai": upstream.url}, **phase)
    time.sleep(3.0)  # longer than the lease, which leaves the call below time to come
    proxy.status()  # after which all that was said before has been read
    assert not any(one["type"] == "lapsed" for one in proxy.messages)
    proxy.tell({"do": "start", "t0": time.monotonic()})
    proxy.status()  # after which the start has been read: a call that overtook it would be in no phase
    client = RawClient(proxy.ready["reverse"]["openai"])
    client.send("hang", stream=False)
    assert proxy.next("lapsed")["seconds"] == 2.0
    assert client.receive().body == WHOLE
    assert proxy.events("hang")[0]["rules"][0]["why"] == "let go"
    assert proxy.stop() == 0
