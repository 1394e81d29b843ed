"""docs/openapi.json: the control API as an OpenAPI document, for clients that are made by machines."""

from __future__ import annotations

import json

from chaosllm import __version__
from chaosllm.live.openapi import openapi


def text() -> str:
    """The document, indented."""
    return json.dumps(openapi(__version__), indent=1) + "\n"
