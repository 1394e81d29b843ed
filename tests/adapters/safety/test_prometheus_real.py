"""The probe prometheus against a real Prometheus: what each kind of query brings back, and what is said of it."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from pathlib import Path

import pytest
from real_prometheus import FOUND, WHY, prometheus

from chaosllm.adapters.safety.asking import Asker
from chaosllm.probes import Judged
from chaosllm.probes.prometheus import PrometheusProbe

pytestmark = pytest.mark.skipif(not FOUND, reason=WHY)
#: A bcrypt hash of `U*U`, as John the Ripper's and glibc's tests have it; Prometheus keeps no other kind.
HASH = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
SOAK = pytest.mark.skipif("not __import__('os').environ.get('CHAOSLLM_SOAK')", reason="several starts: make soak")
TWO = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(3), "a", "2", "", "")'


def asked(*probes: PrometheusProbe, environ: dict[str, str] | None = None, timeout: float = 20.0) -> list[Judged]:
    """What each brings back, one after the other."""

    async def go() -> list[Judged]:
        asker = Asker(environ or {})
        found = [one.judge(await asker.ask(one.ask("http://app"), timeout)) for one in probes]
        await asker.close()
        return found

    return asyncio.run(go())


def test_each_kind_of_answer(tmp_path: Path) -> None:
    """Numbers are judged, whatever else comes is unknown in words, and only what can never stop a run is a mistake."""
    rows: list[tuple[str, bool | None, str, bool]] = [
        ("vector(1)", True, "1", False),
        ("vector(3)", False, "3", False),
        ("1 + 1.5", False, "2.5", False),
        (TWO, False, "3 (the highest of 2 series)", False),
        ("vector(1) / 0", False, "inf", False),
        ("vector(-1) / 0", True, "-inf", False),
        ("vector(0) / 0", None, "no value: NaN alone, as 0/0 is", False),
        ("scalar(nowhere)", None, "no value: NaN alone, as 0/0 is", False),
        ("nowhere", None, "no value: no series matches", False),
        ('"secret"', None, "the query gives a string, expected one number for each series", True),
        ("nowhere[5s]", None, "the query gives a matrix, expected one number for each series", True),
        ("sum(", None, "Prometheus refuses the query: bad_data, at its character 5 (status 400)", True),
        ("rate(nowhere)", None, "Prometheus refuses the query: bad_data, at its character 6 (status 400)", True),
        # Series that do not match one to one, of which the server's own words name all labels.
        (f"({TWO}) / on() ({TWO})", None, "Prometheus cannot work the query out: execution (status 422)", False),
    ]
    with prometheus(tmp_path) as port:
        url = f"http://127.0.0.1:{port}"
        found = asked(*(PrometheusProbe(url, query, above=2) for query, *_ in rows))
        assert [(one.ok, one.text, one.mistake) for one in found] == [row[1:] for row in rows]
        (wrong,) = asked(PrometheusProbe(f"{url}/prefix", "up", above=2))
        assert wrong.text.startswith("status 404: there is no /api/v1/query")
        (late,) = asked(PrometheusProbe(url, "sum_over_time(vector(1)[100d:1s])", above=2), timeout=0.2)
        assert late.text == "no whole answer within 200ms"


@pytest.mark.soak
@SOAK
def test_while_it_starts(tmp_path: Path) -> None:
    """First nobody listens, then it says 503, then it answers: none of the first two is a failure or a mistake."""

    async def go(port: int) -> list[str]:
        probe, asker, seen = PrometheusProbe(f"http://127.0.0.1:{port}", "vector(1)", above=2), Asker({}), []
        async with asyncio.timeout(40):
            while not seen or seen[-1] != "1":
                judged = probe.judge(await asker.ask(probe.ask("http://app"), 5.0))
                assert judged.ok is not False
                assert not judged.mistake
                seen += [judged.text] if judged.text not in seen else []
        await asker.close()
        return seen

    Asker({}).load()
    with prometheus(tmp_path, wait=False) as port:
        seen = asyncio.run(go(port))
    assert {*seen} <= {"it cannot be reached: nobody listens there", "status 503: not ready, as while it starts", "1"}
    assert len(seen) > 1


@pytest.mark.soak
@SOAK
def test_prefix_login_and_certificate(tmp_path: Path) -> None:
    """A prefix stands in the URL, a login in a header from the environment, a CA of the house in SSL_CERT_FILE."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*words.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    login = f"basic_auth_users: {{me: '{HASH}'}}\n"
    tls = f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
    (tmp_path / "web.yml").write_text(login + tls)
    environ = {"LOGIN": base64.b64encode(b"me:U*U").decode(), "SSL_CERT_FILE": os.fspath(certificate)}
    headers = {"authorization": "Basic ${env:LOGIN}"}
    web = f"--web.config.file={tmp_path}/web.yml"
    with prometheus(tmp_path, web, "--web.external-url=https://here/prom/", "--query.max-samples=100") as port:
        url = f"https://127.0.0.1:{port}/prom"
        known, many, nobody = asked(
            PrometheusProbe(url, "vector(1)", above=2, headers=headers),
            PrometheusProbe(f"{url}/", "sum_over_time(vector(1)[1h:1s])", above=2, headers=headers),
            PrometheusProbe(url, "vector(1)", above=2),
            environ=environ,
        )
        (other,) = asked(PrometheusProbe(url.replace("127.0.0.1", "localhost"), "vector(1)", above=2), environ=environ)
        untrusted, plain = asked(
            PrometheusProbe(url, "vector(1)", above=2),
            PrometheusProbe(url.replace("https", "http"), "vector(1)", above=2),
        )
    assert (known.ok, known.text) == (True, "1")
    assert many.text == "Prometheus cannot work the query out: execution (status 422)"
    assert nobody.text == "status 401: it wants other credentials in `headers`"
    assert "self-signed certificate); its CA may stand in SSL_CERT_FILE" in untrusted.text
    assert "not valid for 'localhost'" in other.text
    assert "a server of https answers so to http" in plain.text
