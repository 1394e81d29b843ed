"""A rule for each trigger, and what fires of them; loads no SciPy, because other processes are asked too."""

from chaosllm.arrivals import due_times
from chaosllm.distribution import Exponential, Lognormal, Weibull
from chaosllm.faults.error import Error
from chaosllm.scenario import Phase, Role, Rule
from chaosllm.schedule import firings
from chaosllm.trigger import (
    Brownout,
    Burst,
    Correlated,
    Outage,
    Ramp,
    Stretch,
    Tick,
    Trace,
    Trigger,
    Window,
)

SEED = 7
LASTS = 600.0
DUE = due_times(10.0, "poisson", SEED, LASTS)
CHAIN = Outage(Exponential(20.0), Weibull(8.0, 1.5), Brownout(Lognormal(4.0, 12.0), 0.3))
#: Every trigger, by the name of its rule.
TRIGGERS = {
    "share": Trigger(share=0.3),
    "every": Trigger(every=3),
    "after": Trigger(after=100, first=50, of="phase"),
    "window": Trigger(window=Window(100, 200), share=0.5),
    "burst": Trigger(burst=Burst(20, 5)),
    "ramp": Trigger(ramp=Ramp(0.1, 0.7)),
    "ramp-down": Trigger(ramp=Ramp(0.8, 0.2), window=Window(100, 500)),
    "outage": Trigger(outage=CHAIN),
    "trace": Trigger(trace=Trace(None, (Stretch(3, 9), Stretch(200, 400, 0.4)))),
    "with-share": Trigger(correlated=Correlated("share", 0.8)),
    "with-outage": Trigger(correlated=Correlated("outage", delay=2.0)),
    "with-both": Trigger(correlated=Correlated("with-outage"), share=0.5),
}


def fired(triggers=TRIGGERS, order=None, seed=SEED):
    """Rule -> the operations on which it fires, each asked once, at its due time, in some order."""
    phase = Phase("storm", LASTS, Role.FAULT, tuple(Rule(name, Error(), when) for name, when in triggers.items()))
    bound = firings(seed, phase)
    found = {name: set() for name in triggers}
    for n in order if order is not None else range(len(DUE)):
        tick = Tick(DUE[n], n, 0, 0, 0.0, LASTS)
        for name, firing in bound.items():
            if firing.when.fires(firing.at(tick, f"op:{n}:0", lambda _: 0.0)):
                found[name].add(n)
    return found
