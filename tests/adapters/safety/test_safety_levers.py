"""A lever refuses every start and stops what runs, soon and once; one that cannot be read does too."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from guarded import SOON, Watched, playing, scenario
from odd_server import Odd, drip, nowhere, ok, silence

from chaosllm.errors import ChaosError, Exit
from chaosllm.scenario import Limits


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has much else to do is no lever that cannot be read."""
    monkeypatch.setattr("chaosllm.adapters.safety.levers.PATIENCE", 10.0)


def test_a_file_stops_what_runs(tmp_path: Path) -> None:
    """From the lever's file to the stop it takes a part of a second, thirty times of thirty, and comes once."""

    async def once(lever: Path) -> float:
        watched = Watched(replace(scenario(), limits=Limits(safety_lever=lever.name)), base=tmp_path)
        await watched.guard.refuse()
        watched.guard.start()
        await asyncio.sleep(0.1)
        assert watched.stops == []
        begin = time.monotonic()
        await asyncio.to_thread(lever.touch)
        stop = await watched.stopped()
        took = time.monotonic() - begin
        await asyncio.sleep(0.3)
        await watched.guard.close()
        assert (stop.kind, stop.who, stop.text) == ("lever", "lever", f"the safety lever {lever} is set")
        assert len(watched.stops) == 1
        return took

    async def go(_: Odd) -> None:
        took = await asyncio.gather(*(once(tmp_path / f"off-{n}") for n in range(30)))
        assert max(took) < SOON
        assert sorted(took)[15] < 2, "on a machine that has much else to do"

    playing(go)


def test_a_url_stops_what_runs() -> None:
    """A lever that is asked stops as soon as its answer says so."""

    async def go(server: Odd) -> None:
        watched = Watched(scenario(), lever=f"{server.url}/lever?key=abc")
        await watched.guard.refuse()
        watched.guard.start()
        await asyncio.sleep(0.2)
        server.answers["/lever"] = ok("on, says Ada")
        stop = await watched.stopped()
        assert stop.text == f"the safety lever {server.url}/lever is set"
        await watched.guard.close()

    playing(go, {"/lever": ok("off")})


def test_levers_of_scenario_and_place_both_hold(tmp_path: Path) -> None:
    """The environment's lever is looked at beside the scenario's own, and one named twice once."""
    own, place = tmp_path / "own", tmp_path / "place"

    async def go(_: Odd) -> None:
        for pulled, given in ((own, place), (place, place), (own, own)):
            pulled.touch()
            limits = replace(scenario(), limits=Limits(safety_lever=str(own)))
            guard = Watched(limits, environ={"CHAOSLLM_SAFETY_LEVER": str(given)}).guard
            assert len(guard.outside()) == len({own, given})
            with pytest.raises(ChaosError, match=f"lever {pulled} is set") as caught:
                await guard.refuse()
            assert caught.value.exit_code is Exit.STOPPED
            pulled.unlink()
            await guard.refuse()

    playing(go)


@pytest.mark.parametrize("path", ["/set", "/broken", "/silent", "/moved", "/drip", "/closed", "nowhere", "no folder"])
def test_nothing_starts_under_a_lever(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is set refuses, and so does one that cannot be read: exit code 5, with a cure."""
    if path in ("/silent", "/drip"):
        monkeypatch.setattr("chaosllm.adapters.safety.levers.PATIENCE", 0.3)

    async def go(server: Odd) -> None:
        lever = {"nowhere": nowhere(), "no folder": str(tmp_path / "gone" / "off")}.get(path, server.url + path)
        watched = Watched(scenario(), lever=lever)
        with pytest.raises(ChaosError, match=" is set" if path == "/set" else " cannot be read: ") as caught:
            await watched.guard.refuse()
        assert caught.value.exit_code is Exit.STOPPED
        assert caught.value.hint
        await watched.guard.close()

    playing(go, {"/set": ok("1"), "/broken": ok("", "500 Oops"), "/silent": silence, "/drip": drip, "/closed": b"",
                 "/moved": ok("", "302 Found", "location: /off")})  # fmt: skip


def test_a_lever_that_breaks_stops_after_two_readings() -> None:
    """One answer that fails is told, two in a row stop."""

    async def go(server: Odd) -> None:
        watched = Watched(scenario(), lever=f"{server.url}/lever")
        await watched.guard.refuse()
        watched.guard.start()
        server.answers["/lever"] = ok("", "503 Later")
        stop = await watched.stopped()
        assert stop.text.endswith("cannot be read: it answers 503")
        assert [one for one in watched.notes if "cannot be read: it answers 503" in one]
        await watched.guard.close()

    playing(go, {"/lever": ok("off")})


def test_a_folder_that_goes_stops(tmp_path: Path) -> None:
    """Where a lever could no longer be set nothing goes on."""
    folder = tmp_path / "volume"
    folder.mkdir()

    async def go(_: Odd) -> None:
        watched = Watched(scenario(), lever=str(folder / "off"))
        await watched.guard.refuse()
        watched.guard.start()
        folder.rmdir()
        assert "its folder is not there" in (await watched.stopped()).text
        await watched.guard.close()

    playing(go)


def test_a_failure_of_ours_is_loud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error inside the look at a lever is noted, and stops."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chaosllm.adapters.safety.levers.Lever.see", broken)

    async def go(_: Odd) -> None:
        watched = Watched(scenario(), lever=str(tmp_path / "off"))
        watched.guard.start()
        stop = await watched.stopped()
        assert stop.kind == "lever"
        assert watched.notes == [stop.text]
        assert stop.text.endswith("is no longer looked at: ZeroDivisionError inside chaosllm")
        await watched.guard.close()

    playing(go)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_a_lever_behind_a_closed_door(tmp_path: Path) -> None:
    """A lever that may not be looked at refuses the start."""
    tmp_path.chmod(0)

    async def go(_: Odd) -> None:
        with pytest.raises(ChaosError, match="EACCES"):
            await Watched(scenario(), lever=str(tmp_path / "off")).guard.refuse()

    playing(go)
    tmp_path.chmod(0o700)
