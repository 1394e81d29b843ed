"""Live limits in Redis: proxies meet, count as one, keep one time, and leave nothing; against a real server."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter

import httpx
import pytest
import yaml
from end_to_end.running import free_port

from chaosllm.adapters.proxy.workers import gathering
from chaosllm.adapters.proxy.workers.gathering import Gathering, RedisStore, connect
from chaosllm.errors import ChaosError, Exit
from chaosllm.limiter import Bucket, Limiter
from chaosllm.store import Tally

redis = pytest.importorskip("redis", reason="the redis package is not installed: pip install redis")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    for _ in range(200):
        try:
            connect(url).ping()
            break
        except redis.RedisError:
            time.sleep(0.05)
    yield url
    server.terminate()
    server.wait()


def test_hosts_count_as_one(url):
    """Each sees what the other changed, also when both change the same at the same time."""
    place = Gathering(url, "counts").join()
    here, there = RedisStore(url, place), RedisStore(url, place)
    assert [one.change("numbers", Tally, Tally.next) for one in (here, there, there, here)] == [0, 1, 2, 3]
    met = []

    def take(tally):
        if not met:  # the other one is quicker, between our look and our change
            met.append(there.change("numbers", Tally, Tally.next))
        return tally.next()

    assert here.change("numbers", Tally, take) == 5
    assert met == [4]


def test_a_bucket_is_never_overdrawn(url):
    """Twenty places are twenty, whoever asks."""
    place = Gathering(url, "bucket").join()
    stores = [RedisStore(url, place) for _ in range(3)]

    def admit(limiter):
        limiter.buckets.setdefault("requests", Bucket(20, 1e9))
        return limiter.admit({"requests": 1}, 1.0) is None

    assert sum(stores[n % 3].change("limiter", Limiter, admit) for n in range(60)) == 20


def test_what_redis_lost_is_told_once(url):
    """A Redis that was emptied in the middle does not fill buckets anew unawares; what comes after counts again."""
    place = Gathering(url, "lost").join()
    store = RedisStore(url, place)
    assert [store.change("numbers", Tally, Tally.next) for _ in range(2)] == [0, 1]
    connect(url).flushdb()
    with pytest.raises(redis.RedisError, match="lost what was counted"):
        store.change("numbers", Tally, Tally.next)
    assert store.change("numbers", Tally, Tally.next) == 0


def test_proxies_of_one_scenario_meet_and_the_last_one_leaves_nothing(url):
    """They share id, key and time; another scenario is another place; who comes after the last begins anew."""
    first, second, other = Gathering(url, "same"), Gathering(url, "same"), Gathering(url, "other")
    assert first.join() == second.join()
    assert other.join().id != first.place.id
    first.leave()
    third = Gathering(url, "same")
    assert third.join() == second.place
    second.leave()
    third.leave()
    assert Gathering(url, "same").join().id != first.place.id


def test_a_place_without_a_sign_is_forgotten(url, monkeypatch):
    """Proxies that were killed do not leave full buckets to the next run."""
    monkeypatch.setattr(gathering, "LEASE", 1)
    gone = Gathering(url, "killed").join()
    time.sleep(1.2)
    assert Gathering(url, "killed").join().id != gone.id


def test_runs_that_began_apart_keep_one_time(url):
    """A second on one host is the same second on the other, so a bucket refills once."""
    place = Gathering(url, "time").join()
    early, late = RedisStore(url, place), RedisStore(url, place)
    early.begin(place.epoch + 1)
    late.begin(place.epoch + 31)
    assert 40 + early.ahead == 10 + late.ahead


@pytest.mark.end_to_end
def test_two_proxies_keep_one_bucket(url, tmp_path):
    """`chaosllm proxy --redis` twice, as on two hosts, one with two workers: of all calls 5 a minute are let in."""
    rule = {"fault": "rate_limit", "buckets": {"rpm": 5}}
    told = {"version": 1, "name": "hosts", "upstreams": [{"provider": "openai", "url": "simulator"}]}
    told["phases"] = [{"name": "on", "duration": "60s", "rules": [rule]}]
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(told))
    command = [sys.executable, "-m", "chaosllm", "proxy", str(tmp_path / "s.yaml"), "--phase", "on", "--json"]
    proxies = [
        subprocess.Popen(
            [*command, "--proxy-workers", workers], stdout=subprocess.PIPE, env=os.environ | {"CHAOSLLM_REDIS": url}
        )
        for workers in ("1", "2")
    ]
    bases = [json.loads(proxy.stdout.readline())["reverse"]["openai"] for proxy in proxies]
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": "Bearer one"}
    statuses = [
        httpx.post(f"{bases[n % 2]}/chat/completions", json=body, headers=headers).status_code for n in range(20)
    ]
    for proxy in proxies:
        proxy.terminate()
        proxy.communicate(timeout=20)
        assert proxy.returncode == 0
    assert Counter(statuses) == {200: 5, 429: 15}


def test_no_password_is_told():
    """A Redis that does not answer is an error that names neither the URL nor what stands in it."""
    with pytest.raises(ChaosError, match="does not answer") as caught:
        Gathering("redis://:hunter2@127.0.0.1:1/0", "none").join()
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(ChaosError, match="no address") as caught:
        Gathering("http://:hunter2@127.0.0.1", "none")
    assert caught.value.exit_code is Exit.USAGE


def test_without_the_package_it_is_refused(monkeypatch):
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ChaosError, match="not installed") as caught:
        connect("redis://127.0.0.1:1/0")
    assert caught.value.hint == 'pip install "chaosllm[redis]"'
