"""The private names of mitmproxy that we stand on are there, and a missing one is named, never passed over."""

from enum import EnumType

import pytest
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from chaosllm.adapters.proxy.layers import contract, drive, http_layer, stream
from chaosllm.errors import ChaosError

NAMES = [(owner, name) for owner, names in contract.PRIVATE for name in names]
ATTRIBUTES = [(owner, name) for owner, names in contract.PRIVATE_INSTANCE for name in names]


def name_of(x):
    """How a row is shown."""
    return getattr(x, "__name__", x)


def test_every_private_name_is_there():
    """mitmproxy, h11, h2 and pyOpenSSL still have all we stand on."""
    assert contract.missing() == []


@pytest.mark.parametrize(("owner", "name"), NAMES, ids=name_of)
def test_a_missing_name_stops_the_proxy_and_is_told(monkeypatch, owner, name):
    """Without any one of them the proxy refuses to start, and says which."""
    if isinstance(owner, EnumType):  # whose members cannot be taken away
        kept = {one: value for one, value in vars(owner).items() if one != name}
        monkeypatch.setattr(contract, "PRIVATE", ((type(owner.__name__, (), kept), (name,)),))
    else:
        monkeypatch.delattr(owner, name)
    with pytest.raises(ChaosError, match=rf"\b{name}\b") as caught:
        contract.require()
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize(("owner", "name"), ATTRIBUTES, ids=name_of)
def test_a_missing_attribute_stops_the_proxy_and_is_told(monkeypatch, owner, name):
    """An attribute that is set no more, neither in `__init__` nor by annotation, is told in the same way."""
    kept = {key: kind for key, kind in getattr(owner, "__annotations__", {}).items() if key != name}
    monkeypatch.setattr(owner, "__annotations__", kept, raising=False)
    for one in owner.__mro__[:-1]:
        if "__init__" in vars(one) and name in one.__init__.__code__.co_names:
            monkeypatch.setattr(one, "__init__", lambda self: None)
    with pytest.raises(ChaosError, match=rf"\b{name}\b"):
        contract.require()


def test_what_we_override_exists_under_the_same_name():
    """A method that mitmproxy renamed would leave ours uncalled, and every fault silently off."""
    pairs = (
        (stream.PlayedStream, http.HttpStream), (http_layer.PlayedLayer, http.HttpLayer),
        (drive.Driver, ProxyConnectionHandler),
    )  # fmt: skip
    for ours, theirs in pairs:
        for name in ("handle_event", "_handle_event", "start_response_stream", "state_stream_response_body",
                     "state_consume_response_body", "handle_protocol_error", "make_stream", "check_killed",
                     "server_event", "handle_connection"):  # fmt: skip
            assert name not in vars(ours) or hasattr(theirs, name)


def test_nothing_is_patched_globally():
    """Importing our layer leaves mitmproxy's own classes as they were."""
    assert http.HttpStream is not stream.PlayedStream
    assert http.HttpStream.handle_event.__module__.startswith("mitmproxy.")
