"""What `chaosllm proxy` is asked for: the scenario, where its calls go, and where the proxy listens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaosllm.adapters.proxy.targets import Origin
from chaosllm.adapters.scenario_file import loader, refuse_others
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.reader import read
from chaosllm.scenario import Scenario
from chaosllm.spelling import suggest


@dataclass(frozen=True, slots=True)
class ProxyOrder:
    """What to inject, and where."""

    scenario: Scenario
    text: str
    base: Path
    phase: str | None
    port: int
    out: Path | None
    upstreams: Mapping[str, str]
    workers: int = 1
    redis: str | None = field(default=None, repr=False)  # a URL, which may hold a password

    @classmethod
    def read(
        cls,
        path: Path,
        sets: Sequence[str],
        *,
        phase: str | None,
        port: int,
        out: Path | None,
        upstreams: Mapping[str, str],
        workers: int = 1,
        redis: str | None = None,
    ) -> ProxyOrder:
        """Read the scenario; raises ChaosError for a file, a phase or an upstream that is not there."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise _usage(
                f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
                "name a scenario file; `chaosllm list scenarios` shows ours",
            ) from error
        reading = read(text, file=str(path), load=loader(path.parent), sets=sets)
        if reading.scenario is None:
            refuse_others(path, text)
        scenario = reading.unwrap()
        names = [one.name for one in scenario.phases]
        if phase is not None and phase not in names:
            raise _usage(f"there is no phase `{phase}` in {path}", suggest(phase, names))
        providers = [one.provider for one in scenario.upstreams]
        for name, url in upstreams.items():
            if name not in providers:
                raise _usage(f"--upstream: there is no upstream `{name}` in {path}", suggest(name, providers))
            Origin.parse(url)
        if upstreams and scenario.limits.max_spend is not None:
            raise _usage(f"--upstream: {path} has limits.max_spend, which cannot be kept for a real upstream", "")
        return cls(scenario, reading.as_run, path.parent, phase, port, out, upstreams, workers, redis)


def _usage(what: str, hint: str) -> ChaosError:
    return ChaosError(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)
