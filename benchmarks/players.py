"""What the players themselves cost: CPU microseconds an event, passed, paced and played thoroughly, with no socket.

Run it with `python -m benchmarks.players`. Times are the process's own CPU, the least of several rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from chaosllm.adapters.proxy.players.actions import Player
from chaosllm.adapters.proxy.players.paced import PacedPlayer
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.streamed import StreamPlayer
from chaosllm.call import Call
from chaosllm.providers import Completion, Usage
from chaosllm.registry import member
from chaosllm.script import Pace, Position, Script, Stall, Unit

#: OpenAI and Anthropic: what nearly all streams look like. The others have fields in each event that differ.
STREAMS = (
    ("openai", "chat"), ("anthropic", "messages"), ("openai", "responses"), ("ollama", "chat"), ("gemini", "stream"),
    ("bedrock", "converse_stream"),
)  # fmt: skip
_WORDS = tuple(f"word{number % 50:02d} " for number in range(1000))
_PACED: Script = (Pace(100.0),)
_MARKED: Script = (*_PACED, Stall(Position(1e6, Unit.TOKENS), 1.0))
_ROUNDS = 7


def cost(make: Callable[[], Player], events: list[bytes]) -> float:
    """CPU microseconds an event: each comes by itself, is queued, and leaves when it is due."""
    least = float("inf")
    for _ in range(_ROUNDS):
        player = make()
        begun = time.process_time()
        player.start(0.0)
        for raw in events:
            player.data(raw, 0.0)
            player.observe(0.0)
        while (due := player.next_wake) is not None:
            player.wake(due)
            player.observe(due)
        least = min(least, time.process_time() - begun)
    return least / len(events) * 1e6


def main() -> None:
    """Print a line a stream."""
    print(f"{'CPU us per event':28}{'passed':>9}{'paced':>9}{'thorough':>9}{'+ a place':>10}")
    for name, endpoint in STREAMS:
        provider = member("providers", name)
        call = Call("call-1", name, endpoint, "model-1", stream=True)
        said = Completion("abc", "model-1", _WORDS, finish="stop", usage=Usage(7, 9))
        events = list(provider.stream(said, call, {}))
        makers: tuple[Callable[[], Player], ...] = (
            lambda provider=provider, call=call: PassPlayer(call, provider, streamed=True),
            lambda provider=provider, call=call: PacedPlayer(call, provider, _PACED),
            lambda provider=provider, call=call: StreamPlayer(call, provider, _PACED),
            lambda provider=provider, call=call: StreamPlayer(call, provider, _MARKED),
        )
        costs = "".join(f"{cost(make, events):9.2f}" for make in makers)
        print(f"{name} {endpoint:{27 - len(name)}}{costs}")


if __name__ == "__main__":
    main()
