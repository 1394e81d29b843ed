"""Prints of answers of ours, whole and streamed, for every provider that says a refusal in its text."""

import pytest

from chaosllm.adapters.proxy.players.actions import Notes
from chaosllm.adapters.proxy.printing import put_prints
from chaosllm.call import Call
from chaosllm.prints import print_ends
from chaosllm.providers import Completion
from chaosllm.record import Event
from chaosllm.registry import member
from chaosllm.script import Reply

KEY = b"key of one run"
TEXT = "Your parcel is on its way and will be there by noon tomorrow"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ["openai", "anthropic", "cohere", "ollama", "mistral"])
def test_what_we_said_is_printed(name, stream):
    """An answer in the provider's place is known by what its text says."""
    provider = member("providers", name)
    endpoint = "messages" if name == "anthropic" else "chat"
    call = Call("call-1", name, endpoint, "m", stream=stream)
    completion = Completion("0123456789abcdef", "m", tuple(word + " " for word in TEXT.split()))
    body = b"".join(provider.stream(completion, call, {})) if stream else provider.complete(completion, call, {})[1]
    event = Event("call-1", 0.0)
    put_prints(event, Notes(), Reply(200, (), body), call=call, provider=provider, key=KEY)
    assert (event.head, event.tail) == print_ends(TEXT, KEY)
    refused = Event("call-2", 0.0)
    put_prints(refused, Notes(), Reply(503, (), body), call=call, provider=provider, key=KEY)
    assert (refused.head, refused.tail) == ([], [])
