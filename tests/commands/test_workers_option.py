"""`--proxy-workers`: a number from 1, on the command line or as a variable, refused before anything starts."""

import pytest
from click.testing import CliRunner

from chaosllm.commands import verbs


@pytest.mark.parametrize("verb", ["run", "proxy"])
@pytest.mark.parametrize("number", ["0", "-1", "65", "two", "1.5"])
@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_bad_number_is_refused(tmp_path, verb, number, how):
    """As click refuses any: exit code 2, the option and what it takes."""
    scenario = tmp_path / "s.yaml"
    scenario.write_text("")
    options, env = ([f"--proxy-workers={number}"], {}) if how == "option" else ([], {"CHAOSLLM_PROXY_WORKERS": number})
    done = CliRunner().invoke(verbs, [verb, *options, str(scenario)], env=env)
    assert done.exit_code == 2
    assert "--proxy-workers" in done.output
    assert "1<=x<=64" in done.output or "integer range" in done.output
