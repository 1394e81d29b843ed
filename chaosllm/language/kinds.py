"""Kinds of values that a scenario may hold: each is checked by itself, and says what would work."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from chaosllm.spelling import shorten
from chaosllm.units import Duration, Rate
from chaosllm.variables import VARIABLE

_ASKED = {"type": ["integer", "string"]}
REGEX_AT_MOST = 1000  # characters; keeps compiling cheap whoever wrote it


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("found 0, expected more than 0")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", value):
        raise ValueError(f"found {shorten(value)}, expected letters, digits, - _ and ., such as rate-limit-storm")
    return value


def _phase_name(value: str) -> str:
    # because objectives write success_rate(storm) and --set writes phases.storm.duration
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,79}", value) or value == "last":
        raise ValueError(f"found {shorten(value)}, expected a word of letters, digits, `-` and `_`, such as storm")
    return value


def _asked(value: object) -> object:
    if isinstance(value, str):
        for part in value.split(".", 1):  # checkout.pay: a step of a session
            _phase_name(part)
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"found {shorten(value)}, expected the name of an operation, or its number from 0")
    return value


def _regex(value: str) -> str:
    if len(value) > REGEX_AT_MOST:
        raise ValueError(f"found {len(value)} characters, expected a regular expression of at most {REGEX_AT_MOST}")
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"found {shorten(value)}, which is no regular expression: {error}") from None
    return value


def _json_path(value: str) -> str:
    import jsonpath_rfc9535 as jsonpath  # noqa: PLC0415  # 40 ms that only a scenario with a JSONPath pays

    try:
        jsonpath.compile(value)
    except (jsonpath.JSONPathError, RecursionError) as error:
        reason = str(error.args[0]).splitlines()[0] if error.args else "it ends too early"
        raise ValueError(f"found {shorten(value)}, expected a JSONPath such as $.answer ({reason})") from None
    return value


def check_json_schema(value: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  # slow to import, rarely needed

    try:
        Draft202012Validator.check_schema(value)
    except SchemaError as error:
        raise ValueError(f"this is no JSON Schema: {error.message}") from None
    return value


def check_http_url(value: str) -> str:
    """An http or https URL without credentials."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\x00-\x1f]", value):
        raise ValueError(f"found {shorten(value)}, expected a URL such as http://127.0.0.1:8000")
    if "@" in urlsplit(value).netloc:
        raise ValueError("found a user name in the URL, expected it without: credentials do not belong in a scenario")
    return value


def check_origin(value: str) -> str:
    """An origin, or the word simulator."""
    if value == "simulator":
        return value
    if "://" not in value:
        hint = f"https://{value}" if re.fullmatch(r"[\w.:-]+", value) and "." in value else "simulator"
        raise ValueError(f'found {shorten(value)}, expected "simulator" or an origin: did you mean {hint}?')
    parts = urlsplit(check_http_url(value))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        origin = f"{parts.scheme}://{parts.netloc}"
        raise ValueError(f"found {shorten(value)}, expected the origin only (the client's path is kept): {origin}")
    return value.rstrip("/")


def _route(value: str) -> str:
    if not value.startswith("/") or re.search(r"[\s\x00-\x1f]", value):
        raise ValueError(f"found {shorten(value)}, expected a path that begins with /, such as /healthz")
    return value


def check_method(value: str) -> str:
    """An HTTP method in capitals."""
    if not re.fullmatch(r"[A-Z]{1,20}", value):
        raise ValueError(f"found {shorten(value)}, expected an HTTP method in capitals, such as POST")
    return value


def _environment(value: str) -> str:
    if "${env:" in VARIABLE.sub("", value):
        raise ValueError("found `${env:` that is no variable, expected ${env:NAME}")
    if re.search(r"[\r\n\x00]", value):
        raise ValueError("found a line break, expected one line")
    return value


def _cookie_name(value: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", value):  # a token of RFC 6265, section 4.1.1
        raise ValueError(f"found {shorten(value)}, expected a cookie's name, such as session")
    return value


def _taken(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,59}", value):  # what `{name}` may hold: see places.py
        raise ValueError(f"found {shorten(value)}, expected a word of letters, digits, `-` and `_`, such as token")
    return value


def _tool_name(value: str) -> str:
    # OpenAI and Anthropic take letters, digits, - and _; Gemini dots and colons too; gateways put a / before some.
    if not re.fullmatch(r"[A-Za-z0-9_.:/-]{1,200}", value):
        raise ValueError(
            f"found {shorten(value)}, expected the name of a tool as the model calls it, such as send_email"
        )
    return value


def check_path(value: str) -> str:
    """A path that stays in the scenario's folder."""
    parts = re.split(r"[/\\]", value)
    if not value or "\x00" in value or parts[0] in ("", "~") or ":" in parts[0] or ".." in parts:
        raise ValueError(
            f"found {shorten(value)}, expected a path relative to the scenario that stays in its folder, "
            "such as prompts/support.txt"
        )
    return value


def _expression(value: object) -> object:
    if isinstance(value, dict | list):
        raise ValueError(  # noqa: TRY004  # pydantic collects a ValueError; a TypeError would pass through
            f"found {shorten(value)}, because YAML cut the expression at a colon, comma or brace: "
            'quote it, such as "success_rate(storm) >= 95%"'
        )
    return value


def _stop(value: object) -> object:
    if isinstance(value, list) or (isinstance(value, dict) and any("(" in str(key) for key in value)):
        raise ValueError(
            f"found {shorten(value)}, because YAML cut the expression at a colon, comma or brace: "
            'quote it, such as "success_rate(last 10s) < 20%"'
        )
    if not isinstance(value, str | dict):
        raise ValueError(  # noqa: TRY004  # as above
            f'found {shorten(value)}, expected a condition such as "success_rate(last 10s) < 20%", '
            "or a probe such as {http: /healthz}"
        )
    return value


def check_lever(value: str) -> str:
    """A safety lever: a file, wherever it lies, or a URL."""
    # Not kept inside the scenario's folder, because a lever is for whoever looks after the place where chaos runs, who
    # need not be able to write there; and nothing of the file is read but whether it is there.
    if "://" in value:
        return check_http_url(value)
    if not value.strip() or re.search(r"[\x00-\x1f]", value) or value.startswith("~"):
        raise ValueError(
            f"found {shorten(value)}, expected a file, such as /run/chaos-off, or a URL; `~` stands for nothing here"
        )
    return value


def _key_hash(value: str) -> str:
    # An API key is a secret, so a scenario names it by a hash; 8 digits tell any two keys of a team apart.
    found = re.fullmatch(r"sha256:([0-9a-f]{8,64})", value.lower())
    if found is None:
        shown = shorten(value) if value.lower().startswith("sha256") else "something else"  # it may be the key itself
        raise ValueError(
            f"found {shown}, expected the key's SHA-256, at least 8 digits of it, such as sha256:1a2b3c4d: "
            'printf %s "$OPENAI_API_KEY" | sha256sum'
        )
    return found[1]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _one_or_more(item: dict[str, str]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


type Operations = Annotated[
    list[Annotated[Any, AfterValidator(_asked)]],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_ASKED, {"type": "array", "items": _ASKED}]}),
]
type Name = Annotated[str, AfterValidator(_name)]
type PhaseName = Annotated[str, AfterValidator(_phase_name)]
type Positive = Annotated[Duration, AfterValidator(_positive)]
type PositiveRate = Annotated[Rate, AfterValidator(_positive)]
type Regex = Annotated[str, AfterValidator(_regex)]
type JsonPath = Annotated[str, AfterValidator(_json_path)]
type Route = Annotated[str, AfterValidator(_route)]
type FileName = Annotated[str, AfterValidator(check_path)]
type CookieName = Annotated[str, AfterValidator(_cookie_name)]
type Taken = Annotated[str, AfterValidator(_taken)]
type Text = Annotated[str, AfterValidator(_environment)]
type Expression = Annotated[str, BeforeValidator(_expression), WithJsonSchema({"type": "string"})]
type Lever = Annotated[
    str,
    AfterValidator(check_lever),
    WithJsonSchema({"type": "string", "pattern": r"^(https?://\S+|(?!~)(?!.*://).+)$"}),
]
#: A condition, or a mapping that `stops` reads as a probe.
type Stop = Annotated[Any, BeforeValidator(_stop), WithJsonSchema({"type": "string"})]
type Globs = Annotated[list[str], BeforeValidator(_listed), _one_or_more({"type": "string"})]
type KeyHashes = Annotated[
    list[Annotated[str, AfterValidator(_key_hash)]], BeforeValidator(_listed), _one_or_more({"type": "string"})
]
type ToolNames = Annotated[
    list[Annotated[str, AfterValidator(_tool_name)]], BeforeValidator(_listed), _one_or_more({"type": "string"})
]
type Numbers = Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(_listed), _one_or_more({"type": "integer"})]
type RoleName = Literal["warmup", "baseline", "fault", "recovery"]


class Model(BaseModel):
    """Strict: no unknown key, and no value that has to be guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=True, validate_by_alias=True)
