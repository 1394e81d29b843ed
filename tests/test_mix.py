"""Which operation a user asks: by weight, the same for the same seed and index."""

from chaosllm.mix import Mix
from chaosllm.scenario import Operation, Target
from chaosllm.stats import binomial_interval

CHAT, SEARCH, LOGIN = (
    Operation(name=name, weight=weight) for name, weight in (("chat", 3), ("search", 1), ("in", 0.5))
)


def test_each_is_asked_as_often_as_its_weight_says():
    """Over 20 seeds each operation's count lies in the interval that its weight allows."""
    for seed in range(20):
        mix = Mix(Target(operations=(CHAT, SEARCH, LOGIN)), seed)
        asked = [mix.name(index) for index in range(2000)]
        for name, share in (("chat", 3 / 4.5), ("search", 1 / 4.5), ("in", 0.5 / 4.5)):
            low, high = binomial_interval(2000, share, 0.99999)
            assert low <= asked.count(name) <= high, (seed, name)


def test_the_same_index_asks_the_same_whoever_draws():
    """Two mixes of one seed agree, in any order; another seed mixes otherwise."""
    target = Target(operations=(CHAT, SEARCH))
    one, same, other = Mix(target, 7), Mix(target, 7), Mix(target, 8)
    forward = [one.place(index) for index in range(200)]
    assert forward == [same.place(index) for index in reversed(range(200))][::-1]
    assert forward != [other.place(index) for index in range(200)]


def test_one_operation_is_always_asked():
    """The contract's one operation has no name and needs no draw; without any there is none to name."""
    assert (Mix(Target(operations=(Operation(),)), 7).place(3), Mix(Target(), 7).name(3)) == (0, "")
    assert not Mix(Target(operations=(CHAT,)), 7).several
    assert Mix(Target(operations=(CHAT,)), 7).name(3) == "chat"
