"""Which operation a user asks: by weight, the same for the same seed and index."""

from chaosllm.distribution import Uniform
from chaosllm.mix import Mix
from chaosllm.scenario import Operation, Session, Target
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


def test_a_number_tells_user_and_step():
    """User n asks n * stride and what follows; a shorter session leaves numbers out, and weights are of sessions."""
    sessions = (Session((0, 0), 3.0), Session((1, 2, 0), 1.0))
    mix = Mix(Target(operations=(CHAT, SEARCH, LOGIN), sessions=sessions), 7)
    assert mix.stride == 3
    users = [mix.session(user) for user in range(2000)]
    low, high = binomial_interval(2000, 0.75, 0.99999)
    assert low <= users.count(sessions[0]) <= high
    for user, session in enumerate(users[:50]):
        assert tuple(mix.place(3 * user + step) for step in range(len(session.steps))) == session.steps
    assert mix.name(3 * users.index(sessions[1]) + 1) == "in"


def test_each_pause_is_drawn_once():
    """The same step thinks as long wherever it is asked for; without `think` nobody does."""
    thinks = Session((0, 0, 0), think=Uniform(1.0, 3.0))
    mix = Mix(Target(operations=(CHAT,), sessions=(thinks,)), 7)
    pauses = [mix.pause(index) for index in range(100)]
    assert pauses == [Mix(Target(operations=(CHAT,), sessions=(thinks,)), 7).pause(index) for index in range(100)]
    assert 1 <= min(pauses) < 1.2
    assert 2.8 < max(pauses) <= 3
    assert Mix(Target(operations=(CHAT,), sessions=(Session((0, 0)),)), 7).pause(1) == 0
