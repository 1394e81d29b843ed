"""The faults of the conformance table: a rule each, and the calls that meet it.

A row of the same name in SDK-BEHAVIOUR.md (kept in oracle.md) is named by `whole` and `stream`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PATIENCE = 20.0  # seconds, the client's own timeout where a row needs none
SHORT = 2.5  # where the row is about waiting; the oracle's


@dataclass(frozen=True)
class Row:
    """One fault: its YAML fields, and whom it is for.

    `kind`: text, tool or embed. `whole` and `stream`: the oracle's row for calls that do (not) stream;
    None where such calls are not asked, "" where the oracle has no such row.
    """

    rule: dict[str, Any] | None
    whole: str | None = ""
    stream: str | None = ""
    kind: str = "text"
    patience: float = PATIENCE
    quick: bool = True  # whether `make test` asks it too; the others are asked by `make atlas` alone
    only: tuple[str, ...] = ()  # providers
    more: dict[str, Any] = field(default_factory=dict)  # a second rule on the same calls
    also: tuple[str, ...] = ()  # further rows of the oracle's streams that it stands for, where `stream` has no cell


def rate_limit(**fields: Any) -> dict[str, Any]:
    return {"fault": "rate_limit", **fields}


def error(**fields: Any) -> dict[str, Any]:
    return {"fault": "error", **fields}


def truncate(shape: str, **fields: Any) -> dict[str, Any]:
    return {"fault": "truncate", "shape": shape, **fields}


def malformed(shape: str) -> dict[str, Any]:
    return {"fault": "malformed", "shape": shape}


ROWS: dict[str, Row] = {
    "ok": Row(None, "ok", "ok"),
    "ok-tool": Row(None, kind="tool"),
    "ok-embed": Row(None, stream=None, kind="embed"),
    # Refusals
    "429": Row(rate_limit(retry_after="1s"), "429 +retry-after:1", None, quick=False),
    "429-bare": Row(rate_limit(retry_after="none"), "429 bare", "429 bare"),
    "429-tokens": Row(rate_limit(kind="tokens", retry_after="none")),
    "429-day": Row(rate_limit(kind="day", retry_after="none"), stream=None),
    "429-concurrency": Row(rate_limit(kind="concurrency", retry_after="none"), stream=None),
    "429-too-large": Row(rate_limit(kind="too_large", retry_after="none"), stream=None),
    "429-ms": Row(rate_limit(retry_after="ms"), "429 +retry-after-ms:300,retry-after:5", None, quick=False),
    "429-date": Row(rate_limit(retry_after="date"), "429 retry-after:<http-date +2s>", None, quick=False),
    "429-zero": Row(rate_limit(retry_after="zero"), stream=None),
    "429-negative": Row(rate_limit(retry_after="negative"), stream=None),
    "429-garbage": Row(rate_limit(retry_after="garbage"), stream=None),
    "429-contradicting": Row(rate_limit(retry_after="contradicting"), stream=None, quick=False),
    "429-hour": Row(rate_limit(retry_after="3600s"), "429 retry-after:3600", None, quick=False),
    "429-no-retry": Row(rate_limit(retry_after="none", should_retry=False), "429 x-should-retry:false", None),
    "400-retry": Row(error(kind="bad_request", should_retry=True), "400 x-should-retry:true", None),
    "quota": Row({"fault": "quota"}, "quota"),
    "credit": Row({"fault": "quota", "kind": "credit"}, stream=None),
    "spend": Row({"fault": "quota", "kind": "spend"}, stream=None),
    "overload": Row({"fault": "overload"}, "overloaded", "overloaded"),
    "500": Row(error(status=500), "500", None),
    "auth": Row(error(kind="auth"), "auth 401", None),
    "permission": Row(error(kind="permission"), "403", None),
    "model": Row(error(kind="model_not_found"), "model-not-found", None),
    "context": Row(error(kind="context_length"), "context-length 400", ""),
    "filter-400": Row(error(kind="content_filter"), stream=None),
    "too-large": Row(error(kind="too_large"), stream=None),
    "408": Row(error(status=408), "408", None),
    "502": Row(error(kind="gateway"), stream=None),
    "502-html": Row(error(status=502, shape="html"), "502 cloudflare html", None),
    "504-html": Row(error(status=504, shape="html"), "504 html", None),
    "520-html": Row(error(status=520, shape="html"), "520 html", None),
    # Connections
    "hang": Row({"fault": "hang"}, "no reply (client timeout 2.5s)", None, patience=SHORT, quick=False),
    "close": Row({"fault": "connection", "kind": "close"}, "close before reply", None),
    "reset": Row({"fault": "reset"}, "RST before reply", None),
    "reset-half": Row({"fault": "reset", "at": "50%"}, "200 RST mid-body", "cut, RST"),
    "stall": Row({"fault": "stall", "for": "ever"}, None, "stall mid-stream (client timeout 2.5s)", patience=SHORT,
                 quick=False),
    # Answers that are cut
    "cut-honest": Row(truncate("honest"), "finish=length", "finish=length"),
    "cut-clean": Row(truncate("clean"), "200 truncated JSON (CL ok)", "silent cut, clean end"),
    "cut-clean-close": Row(truncate("clean", body="close"), None, "silent cut, close-delimited FIN"),
    "cut-abrupt": Row(truncate("abrupt"), "200 CL short (FIN)", "cut, FIN w/o last chunk"),
    "cut-abrupt-chunked": Row(truncate("abrupt", body="chunked"), "200 chunked no terminator (FIN)", None),
    "cut-abrupt-length": Row(truncate("abrupt", body="length"), None, "cut, content-length short"),
    "cut-abrupt-close": Row(truncate("abrupt", body="close"), None, "cut, close-delimited RST"),
    "cut-event": Row(truncate("event"), None, "half event, clean end"),
    "cut-tool": Row(truncate("tool"), None, "tool args cut, clean end", kind="tool"),
    "cut-tool-honest": Row(truncate("honest"), "tool args cut, finish=length", "tool args cut, finish=length",
                           kind="tool"),
    # Answers that are wrong
    "drop-end": Row({"fault": "drop", "what": "end"}, None, "all content, terminator missing"),
    "drop-usage": Row({"fault": "drop", "what": "usage"}, "", "usage chunk missing"),
    "drop-finish": Row({"fault": "drop", "what": "finish"}),
    "duplicate": Row({"fault": "duplicate"}, None),
    "reorder": Row({"fault": "reorder"}, None),
    "empty": Row({"fault": "empty"}, "empty content + stop"),
    "filter": Row({"fault": "refusal", "kind": "content_filter"}, "refusal/filter"),
    "filter-partial": Row({"fault": "refusal", "kind": "content_filter", "shape": "partial"}),
    "refusal": Row({"fault": "refusal"}),
    "stream-error": Row({"fault": "stream_error"}, None, "mid-stream error event",
                        also=("mid-stream error (nested)", "mid-stream bare JSON error (not SSE)")),
    "stream-error-server": Row({"fault": "stream_error", "kind": "server"}, None,
                               also=("mid-stream modelStreamErrorException",)),
    "stream-error-limit": Row({"fault": "stream_error", "kind": "rate_limit"}, None,
                              also=("mid-stream throttlingException",)),
    "stream-error-late": Row({"fault": "stream_error", "at": "finish"}, None),
    "stream-error-flat": Row({"fault": "stream_error", "kind": "server", "form": "flat"}, None,
                             "mid-stream error (flat)", only=("openai", "azure_openai")),
    "stream-error-failed": Row({"fault": "stream_error", "kind": "server", "form": "failed"}, None,
                               "mid-stream response.failed", only=("openai", "azure_openai")),
    "stream-error-framed": Row({"fault": "stream_error", "form": "framed"}, None, "mid-stream SSE data:{error}",
                               only=("gemini", "vertex")),
    "stream-error-unmodelled": Row({"fault": "stream_error", "form": "unmodelled"}, None,
                                   "mid-stream modelTimeoutException (unmodelled)", only=("bedrock",)),
    "stream-error-plain": Row({"fault": "stream_error", "form": "error"}, None, "mid-stream :message-type error",
                              only=("bedrock",)),
    "stream-error-crc": Row({"fault": "stream_error", "form": "crc"}, None, "mid-stream bad CRC frame",
                            only=("bedrock",)),
    "html": Row(malformed("html"), "200 html body", "200 html body"),
    "no-body": Row(malformed("empty"), "200 empty body", "0 events, clean end"),
    "no-field": Row(malformed("empty_object"), "200 {}"),
    "error-200": Row(malformed("error_object"), "200 error object", "200 JSON error body, not SSE"),
    "bad-json": Row(malformed("json"), "", "malformed JSON event mid-stream"),
    "content-type": Row(malformed("content_type")),
    "encoding": Row(malformed("encoding")),
    "missing-field": Row(malformed("missing_field")),
    "unknown-field": Row(malformed("unknown_field")),
    "utf8": Row(malformed("utf8")),
    "bad-json-text": Row(truncate("clean"), "200 truncated JSON (text/plain)", None, more=malformed("content_type")),
    "tool-cut": Row({"fault": "tool_call", "shape": "cut"}, kind="tool"),
    "tool-invalid": Row({"fault": "tool_call", "shape": "invalid"}, kind="tool"),
    "tool-unknown": Row({"fault": "tool_call", "shape": "unknown_tool"}, kind="tool"),
    "tool-types": Row({"fault": "tool_call", "shape": "wrong_types"}, kind="tool"),
    "tool-repeated": Row({"fault": "tool_call", "shape": "repeated"}, kind="tool"),
    "usage": Row({"fault": "usage"}),
    "usage-odd": Row({"fault": "usage", "shape": "contradictory"}),
    "model-swap": Row({"fault": "model_swap"}),
    "repetition": Row({"fault": "repetition", "tokens": "50 tokens"}),
    "content-start": Row({"fault": "content", "canary": "card", "where": "start"}),
    "content-end": Row({"fault": "content", "canary": "link", "where": "end"}),
    "content-replace": Row({"fault": "content", "text": "Made up.", "where": "replace"}),
    "vectors-fewer": Row({"fault": "embeddings", "shape": "fewer"}, stream=None, kind="embed"),
    "vectors-shorter": Row({"fault": "embeddings", "shape": "shorter"}, stream=None, kind="embed"),
    "vectors-nan": Row({"fault": "embeddings", "shape": "nan"}, stream=None, kind="embed"),
}  # fmt: skip

#: family -> provider -> its ways.
FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    "openai": {
        "openai": ("openai_chat", "openai_chat_stream", "openai_chat_helper", "openai_async_chat", "openai_responses",
                   "openai_responses_stream", "openai_responses_helper", "openai_embeddings", "openai_completions",
                   "openai_completions_stream"),
        "azure_openai": ("azure_openai_chat", "azure_openai_chat_stream"),
        "openrouter": ("openrouter_chat", "openrouter_chat_stream"),
        "openai_compatible": ("openai_compatible_chat", "openai_compatible_chat_stream"),
    },
    "anthropic": {"anthropic": ("anthropic_messages", "anthropic_messages_stream", "anthropic_messages_helper")},
    "google": {
        "gemini": ("gemini_generate", "gemini_generate_stream", "gemini_async_generate", "gemini_async_generate_stream",
                   "gemini_embed"),
        "vertex": ("vertex_generate", "vertex_generate_stream"),
    },
    "bedrock": {"bedrock": ("bedrock_converse", "bedrock_converse_stream", "bedrock_invoke", "bedrock_invoke_stream")},
    "mistral": {"mistral": ("mistral_chat", "mistral_chat_stream", "mistral_embeddings")},
    "cohere": {"cohere": ("cohere_chat", "cohere_chat_stream", "cohere_embed")},
    "groq": {"groq": ("groq_chat", "groq_chat_stream")},
    "ollama": {"ollama": ("ollama_chat", "ollama_chat_stream", "ollama_generate", "ollama_embed")},
}  # fmt: skip

#: The same of the Node SDKs, which `make atlas` alone asks.
NODE: dict[str, dict[str, tuple[str, ...]]] = {
    "node": {
        "openai": ("node_openai_chat", "node_openai_chat_stream", "node_openai_responses",
                   "node_openai_responses_stream", "ai_openai_chat", "ai_openai_chat_stream"),
        "anthropic": ("node_anthropic_messages", "node_anthropic_messages_stream", "node_anthropic_messages_helper",
                      "ai_anthropic_messages", "ai_anthropic_messages_stream"),
    },
}  # fmt: skip


#: What a provider can do and one of its endpoints cannot.
_NOT_THERE = {
    "model-swap": ("bedrock_converse", "bedrock_converse_stream", "cohere_chat", "cohere_chat_stream"),
    "drop-end": ("vertex_generate_stream",),
}


def streams(way: str) -> bool:
    """Whether a way of asking streams."""
    return way.endswith(("_stream", "_helper"))


def embeds(way: str) -> bool:
    """Whether a way asks for vectors."""
    return "embed" in way


def asks(row: Row, way: str, provider: str) -> bool:
    """Whether a row is asked in a way."""
    if any(row is ROWS[name] and way in ways for name, ways in _NOT_THERE.items()):
        return False
    if (row.kind == "embed") is not embeds(way) and not (embeds(way) and _refuses(row)):
        return False
    if row.kind == "tool" and ("completions" in way or way == "ollama_generate"):
        return False
    if row.only and provider not in row.only:
        return False
    return (row.stream if streams(way) else row.whole) is not None


def _refuses(row: Row) -> bool:
    return row.rule is not None and row.rule["fault"] in ("rate_limit", "quota", "overload", "error")
