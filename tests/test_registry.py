"""The registry: members of our folders and of plugins, by name."""

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from chaosllm import registry
from chaosllm.errors import Exit
from chaosllm.registry import UnknownMember, member, members, plugins


@pytest.fixture
def plugged(monkeypatch):
    """Installs entry points for one test."""

    def install(*entries):
        monkeypatch.delenv("CHAOSLLM_NO_PLUGINS")
        monkeypatch.setattr(
            "chaosllm.registry.metadata.entry_points",
            lambda group: [entry for entry in entries if entry.group == group],
        )
        registry.forget()

    yield install
    registry.forget()


def test_ours_are_found_by_folder():
    """Every file of a folder is a member, private ones are not."""
    assert {"latency", "rate_limit", "truncate", "hang"} <= set(members("faults"))
    assert {"openai", "anthropic"} <= set(members("providers"))
    assert not any(name.startswith("_") for name in members("providers"))
    assert member("faults", "latency") is members("faults")["latency"]


def test_names_of_findings_and_metrics():
    """A finding goes by its code; a metric is listed under each of its names."""
    assert members("findings")["truncated_accepted"].code == "truncated_accepted"
    assert members("metrics")["latency_p95"] is members("metrics")["latency_p50"]


def test_unknown_member_says_what_is_near():
    """A wrong name is the author's mistake and carries the nearest names."""
    with pytest.raises(UnknownMember) as caught:
        member("faults", "ratelimit")
    assert (caught.value.close, caught.value.exit_code) == (["rate_limit"], Exit.USAGE)
    assert "did you mean `rate_limit`?" in caught.value.hint
    with pytest.raises(LookupError, match="kind"):
        members("fault")


def test_kind_without_a_folder_is_empty():
    """A kind that has no members yet is empty, not an error."""
    assert isinstance(dict(members("mutators")), dict)


def test_members_cannot_be_changed():
    """What the registry hands out is read-only."""
    with pytest.raises(TypeError):
        members("faults")["x"] = 1


def test_plugin_joins_ours(plugged, monkeypatch):
    """An entry point's MEMBER is found by its own name, from a module or as the object itself."""
    import chaosllm.faults.hang as module

    monkeypatch.setattr(module, "MEMBER", SimpleNamespace(name="freeze", summary="s"))
    monkeypatch.setattr(module, "other", SimpleNamespace(name="melt", summary="s"), raising=False)
    plugged(
        EntryPoint("a", "chaosllm.faults.hang", "chaosllm.mutators"),
        EntryPoint("b", "chaosllm.faults.hang:other", "chaosllm.mutators"),
    )
    assert {"freeze", "melt"} <= set(members("mutators"))
    assert [(plugin.name, plugin.error) for plugin in plugins("mutators")] == [("a", ""), ("b", "")]


def test_broken_plugin_is_fatal_only_when_named(plugged):
    """A plugin that does not load is recorded; only a scenario that names it fails."""
    plugged(EntryPoint("icicle", "no.such.module", "chaosllm.faults"))
    assert "latency" in members("faults")
    assert "No module named" in plugins("faults")[0].error
    with pytest.raises(UnknownMember, match=r"does not load.*No module named"):
        member("faults", "icicle")


def test_plugin_cannot_take_a_name_of_ours(plugged):
    """A scenario means the same everywhere: our names stay ours."""
    ours = member("faults", "hang")
    plugged(EntryPoint("x", "chaosllm.faults.hang", "chaosllm.faults"))
    assert "taken" in plugins("faults")[0].error
    assert member("faults", "hang") is ours


def test_no_plugins_when_told(plugged, monkeypatch):
    """With CHAOSLLM_NO_PLUGINS=1 entry points are not even looked at."""
    plugged(EntryPoint("icicle", "no.such.module", "chaosllm.faults"))
    monkeypatch.setenv("CHAOSLLM_NO_PLUGINS", "1")
    registry.forget()
    assert plugins("faults") == ()
