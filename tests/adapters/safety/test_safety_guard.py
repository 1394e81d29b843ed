"""The guard stops a run once, soon, and for a reason that it says; nothing that answers badly holds it up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from guarded import Watched, playing, probed, scenario
from odd_server import Odd, drip, flood, nowhere, odd, ok, silence

from chaosllm.errors import ChaosError, Exit
from chaosllm.live.view import LiveView
from chaosllm.probes import Judged
from chaosllm.probes.http import HttpProbe
from chaosllm.probes.prometheus import PrometheusProbe
from chaosllm.renderers._live import frame
from chaosllm.scenario import Limits, StopProbe


def test_a_probe_stops_after_its_failures() -> None:
    """So many failures in a row stop; a path is one of the app's, wherever that was started."""

    async def go(server: Odd) -> None:
        watched = Watched(probed(StopProbe(HttpProbe("/healthz"), 0.1, 10.0, 3)))
        watched.guard.start(server.url)
        await asyncio.sleep(0.25)
        assert watched.stops == []
        server.answers["/healthz"] = ok("", "503 Down")
        before = server.asked["/healthz"]
        stop = await watched.stopped()
        assert server.asked["/healthz"] - before >= 3
        assert (stop.kind, stop.who) == ("probe", "probe")
        assert stop.text.startswith("/healthz does not answer 200, 3 times running: 503 after ")
        await watched.guard.close()

    playing(go, {"/healthz": ok()})


def test_prometheus_stops_and_is_not_known() -> None:
    """A value beyond the bound stops; a server that is down is told once, and stops nothing."""
    empty = '{"status":"success","data":{"resultType":"vector","result":[]}}'
    high = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.2"]}]}}'

    async def go(server: Odd) -> None:
        up = StopProbe(PrometheusProbe(server.url, "errors", above=0.05), 0.1, 10.0, 2)
        down = StopProbe(PrometheusProbe(nowhere(), "errors", above=0.05), 0.1, 10.0, 1)
        watched = Watched(probed(up, down))
        watched.guard.start()
        await watched.until(lambda: len(watched.notes) == 2 and server.asked["/api/v1/query"] > 2)
        assert watched.stops == []
        assert [one.now for one in watched.guard.outside()] == [
            "not known: no value: no series matches",
            "not known: it cannot be reached: nobody listens there",
        ]
        server.answers["/api/v1/query"] = ok(high)
        assert (await watched.stopped()).text.endswith(" is above 0.05, 2 times running: 0.2 now")
        assert len(watched.notes) == 3
        await watched.guard.close()

    playing(go, {"/api/v1/query": ok(empty)})


def test_a_query_that_can_never_stop_refuses_the_start() -> None:
    """What the server refuses is the author's mistake; a server that is down is none, and the app is not asked."""
    refused = ok('{"status":"error","errorType":"bad_data"}', "400 Bad Request")

    async def go(server: Odd) -> None:
        page = StopProbe(HttpProbe("/healthz"), 0.1, 10.0, 2)
        down = StopProbe(PrometheusProbe(nowhere(), "errors", above=0.05), 0.1, 10.0, 1)
        wrong = StopProbe(PrometheusProbe(server.url, "errors(", above=0.05), 0.1, 10.0, 2)
        well = Watched(probed(page, down), target=server.url)
        await well.guard.refuse()
        assert server.asked["/healthz"] == 0
        await well.guard.close()
        watched = Watched(probed(down, wrong))
        with pytest.raises(ChaosError, match=r"`errors\(` .* refuses the query: bad_data .status 400.") as caught:
            await watched.guard.refuse()
        assert caught.value.exit_code == Exit.USAGE
        await watched.guard.close()

    playing(go, {"/api/v1/query": refused, "/healthz": ok()})


@pytest.mark.parametrize("answer", [silence, drip, flood, b"", ok("", "302 Found", "location: /x"), b"\x00" * 999])
def test_bad_answers_hold_nothing_up(answer) -> None:
    """Each probe has one request open at most, the others and the lever go on beside it, and it ends in time."""

    async def go(server: Odd) -> None:
        async with odd({"/x": ok()}) as well:
            bad = StopProbe(HttpProbe(f"{server.url}/x", text="never"), 0.1, 0.15, 3)
            good = StopProbe(HttpProbe(f"{well.url}/x"), 0.1, 10.0, 1)
            watched = Watched(probed(bad, good), lever=f"{well.url}/lever")
            watched.guard.start()
            stop = await watched.stopped()
            assert "/x does not answer 200" in stop.text
            assert server.url in stop.text
            assert server.at_once <= 2, "the one before may still be closing"
            assert well.asked["/x"] >= 1
            begin = time.monotonic()
            await watched.guard.close()
            assert time.monotonic() - begin < 5
            asked = well.asked["/x"]
            await asyncio.sleep(0.25)
            assert well.asked["/x"] == asked, "nothing is asked after the end"

    playing(go, {"/x": answer})


def test_dead_mans_switch() -> None:
    """While a console is heard all is well; without one for so long, everything ends, once."""

    async def go(_: Odd) -> None:
        watched = Watched(scenario(), dead_man=0.4)
        watched.guard.start()
        for _ in range(8):
            await asyncio.sleep(0.1)
            watched.guard.heard("console:Ada")
        assert watched.stops == []
        (reading,) = watched.guard.outside()
        assert (reading.kind, reading.unit, reading.bound) == ("dead_man", "seconds", 0.4)
        stop = await watched.stopped()
        assert (stop.kind, stop.text) == ("dead_man", "nothing was heard of console:Ada for 400ms")
        await watched.guard.close()

    playing(go)


def test_dead_mans_switch_is_armed_from_the_start() -> None:
    """A console that never came is one that is not there."""

    async def go(_: Odd) -> None:
        watched = Watched(scenario(), dead_man=0.2)
        watched.guard.start()
        assert (await watched.stopped()).text == "nothing was heard of any console for 200ms"
        await watched.guard.close()

    playing(go)


def test_a_loop_that_was_busy_does_not_kill() -> None:
    """A heartbeat that lies in the queue counts, though the loop comes to it late."""

    async def go(_: Odd) -> None:
        watched = Watched(scenario(), dead_man=0.2)
        watched.guard.start()
        asyncio.get_running_loop().call_later(0.1, watched.guard.heard, "console")
        time.sleep(0.4)  # noqa: ASYNC251  # the loop is held up on purpose
        await asyncio.sleep(0.1)
        assert watched.stops == []
        await watched.guard.close()

    playing(go)


def progress(t: float, good: int, error: int, **more) -> dict:
    return {"t": t, "phase": "storm", "sent": good + error, "outcomes": {"good": good, "error": error}} | more


def test_conditions_are_seen_and_shown() -> None:
    """A condition that comes true stops, in words with its value; the readings are those of the live view."""

    async def go(_: Odd) -> None:
        watched = Watched(scenario('stop_when: ["success_rate(3s) < 20%", spend > 5 USD]\n'))
        view = LiveView(scenario('stop_when: ["success_rate(3s) < 20%", spend > 5 USD]\n'))
        for t in range(5):
            said = progress(float(t), t, 9 * t)
            view.see(said, {"recognised": 1, "tokens": {}}, watched.guard.outside())
            stop = watched.guard.see(said, view.figures.spend.usd)
            assert watched.guard.readings() == view.figures.stops
            assert (stop is None) == (t < 3)
        assert [one.text for one in watched.stops] == ["success_rate(3s) < 20%: 10% now"]
        assert watched.guard.stopped == watched.stops[0]
        await watched.guard.close()

    playing(go)


def test_spend_stops_with_the_simulator_too() -> None:
    """What counts is the list price of what was answered, whoever answered."""

    async def go(_: Odd) -> None:
        made = scenario("stop_when: [spend > 3 USD]\n")
        watched, view = Watched(made), LiveView(made)
        for t, tokens in enumerate((0, 1_000_000, 2_000_000)):
            said = progress(float(t), t, 0)
            view.see(said, {"recognised": t, "tokens": {"gpt-4o": {"in": tokens}}})
            watched.guard.see(said, view.figures.spend.usd)
        assert view.figures.spend.simulated
        assert [one.text for one in watched.stops] == ["spend > 3 USD: 5.00 USD now"]

    playing(go)


def test_max_duration_holds_when_a_phase_was_extended() -> None:
    """A live command cannot carry a run past its limit; what only waits for answers is left alone."""

    async def go(_: Odd) -> None:
        watched = Watched(replace(scenario(), limits=Limits(max_duration=60.0)))
        assert watched.guard.see(progress(59.0, 1, 0), None) is None
        assert watched.guard.see(progress(61.0, 1, 0, phase=""), None) is None
        stop = watched.guard.see(progress(61.0, 1, 0), None)
        assert (stop.kind, stop.text) == ("max_duration", "limits.max_duration of 1m is over")

    playing(go)


def test_the_view_shows_what_is_outside() -> None:
    """Probes and levers stand beside the conditions, on the terminal and in JSON."""

    async def go(server: Odd) -> None:
        made = probed(StopProbe(HttpProbe("/healthz"), 0.1, 10.0, 3))
        watched, view = Watched(made, lever="/run/chaos-off"), LiveView(made)
        watched.guard.start(server.url)
        await watched.until(lambda: all(one.now for one in watched.guard.outside()))
        view.see(progress(1.0, 9, 0), {}, watched.guard.outside())
        lines = [one.plain for one in frame(view, width=120, height=24)]
        rows = [one for one in lines if one.startswith("stop if")]
        assert " ".join(rows[0].split()).startswith("stop if /healthz does not answer 200, 3 times running, 200 after")
        assert rows[1].endswith("the safety lever /run/chaos-off is set, released")
        told = view.figures.to_json()["stop_when"]
        assert [(one["kind"], one["unit"], one["holds"]) for one in told] == [
            ("probe", "failures", False), ("lever", "count", False),
        ]  # fmt: skip
        await watched.guard.close()

    playing(go, {"/healthz": ok()})


class Broken(HttpProbe):
    """A plugin's probe with a bug."""

    def judge(self, answer: object) -> Judged:
        raise ZeroDivisionError


def test_a_probe_that_fails_itself_shows_nothing() -> None:
    """A bug of a plugin's is told once and stops nothing."""

    async def go(server: Odd) -> None:
        watched = Watched(probed(StopProbe(Broken(f"{server.url}/x"), 0.1, 10.0, 1)))
        watched.guard.start()
        await watched.until(lambda: server.asked["/x"] > 2)
        assert watched.stops == []
        assert len(watched.notes) == 1
        assert "ZeroDivisionError inside the probe http" in watched.notes[0]
        await watched.guard.close()

    playing(go)


def test_nothing_comes_after_the_end(tmp_path: Path) -> None:
    """A guard that was closed says nothing more."""

    async def go(_: Odd) -> None:
        watched = Watched(scenario(), lever=str(tmp_path / "off"), dead_man=0.2)
        watched.guard.start()
        await watched.guard.close()
        (tmp_path / "off").touch()
        await asyncio.sleep(0.4)
        assert watched.stops == []

    playing(go)


def test_certificates_that_cannot_be_read_refuse_the_start(tmp_path: Path) -> None:
    """And not the making of the guard, which a game day does when a step is approved already."""
    probe = StopProbe(HttpProbe("/healthz"), 0.1, 10.0, 3)
    watched = Watched(probed(probe), environ={"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    with pytest.raises(ChaosError, match=r"SSL_CERT_FILE=.* cannot be read as certificates") as told:
        asyncio.run(watched.guard.refuse())
    assert told.value.exit_code is Exit.USAGE
