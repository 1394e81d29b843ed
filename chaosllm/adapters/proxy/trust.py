"""Certificates of one run: our CA in a private folder, and bundles that also hold the public roots."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import certifi

from chaosllm.errors import Blame, ChaosError, Exit

#: The names that mitmproxy gives its CA in `confdir`.
CA = "mitmproxy-ca-cert.pem"
_BEGIN = "-----BEGIN CERTIFICATE-----"


def private_folder(path: Path) -> Path:
    """Make the folder for the CA, readable by its owner alone; raises ChaosError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise ChaosError(
            f"the folder for the CA, {path}, cannot be made: {error.strerror}", hint="give one that can be written"
        ) from error
    return path


@contextlib.contextmanager
def alone(confdir: Path) -> Iterator[None]:
    """Wait until no other worker is in the folder: the first makes the CA, the others find it made."""
    folder = os.open(confdir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)  # which gives the lock back


def upstream_bundle(confdir: Path, extra: Iterable[Path]) -> Path:
    """The public roots and the scenario's `ca` files in one file, to verify upstreams with; raises ChaosError."""
    parts = [certifi.contents()]
    for path in extra:
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise _bad_ca(path, getattr(error, "strerror", None) or "it is no text") from error
        if _BEGIN not in text:
            raise _bad_ca(path, "it holds no certificate in PEM form")
        parts.append(text)
    bundle = confdir / "upstream-roots.pem"
    _keep(bundle, "\n".join(parts))
    return bundle


def client_bundle(confdir: Path) -> Path:
    """The public roots and our CA in one file, for the app: it also talks to hosts that we do not intercept."""
    bundle = confdir / "trust.pem"
    ours = (confdir / CA).read_text(encoding="ascii")
    _keep(bundle, certifi.contents() + "\n" + ours)
    for path in confdir.iterdir():
        path.chmod(0o600)
    return bundle


def forget(confdir: Path) -> None:
    """Remove the run's CA, and its folder where nothing else is in it: nobody should trust it again."""
    for path in (*confdir.glob("mitmproxy-*"), confdir / "upstream-roots.pem", confdir / "trust.pem"):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        confdir.rmdir()


def _keep(path: Path, text: str) -> None:
    """Write a file unless it says so already: another worker may be reading it."""
    if not path.exists() or path.read_text(encoding="ascii") != text:
        path.write_text(text, encoding="ascii")


def _bad_ca(path: Path, why: str) -> ChaosError:
    return ChaosError(
        f"the upstream's ca file {path} cannot be used: {why}",
        hint="give a PEM file with the certificate that signed the upstream's",
        blame=Blame.SCENARIO,
        exit_code=Exit.USAGE,
    )
