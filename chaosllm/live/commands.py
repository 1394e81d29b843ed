"""A live command: what it may say, read from JSON that came over a socket; and the refusals of what it may not.

Laws:
1. Nothing of a command is trusted: each field is checked for its kind, its length and its range.
2. A refusal says what was found and what would work, because it is shown to somebody who is in a hurry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.spelling import cut, shorten, suggest
from chaosllm.units import parse_duration, parse_share

#: Characters of a note or of a reason; a page of text.
LONGEST_TEXT = 4000
#: Characters of a name, an id, a rule.
LONGEST_NAME = 200
#: Faults that one command may trigger; a person who wants more changes the share.
MOST_AT_ONCE = 1000
#: Seconds that one command may add to a phase.
LONGEST_EXTENSION = 24 * 3600.0

#: What may be done -> the fields that it takes; those of a game day alone come last.
FIELDS: dict[str, tuple[str, ...]] = {
    "pause": (),
    "resume": (),
    "enable": ("rule",),
    "disable": ("rule",),
    "share": ("rule", "share"),
    "trigger": ("rule", "count"),
    "extend": ("by", "phase"),
    "end": ("phase",),
    "note": ("text",),
    "stop": ("text",),
    "approve": ("step",),
    "skip": ("step",),
}
#: Without these a command of its kind says nothing.
_NEEDED = {"enable": ("rule",), "disable": ("rule",), "share": ("rule", "share"), "trigger": ("rule",),
           "extend": ("by",), "note": ("text",)}  # fmt: skip
#: Fields that any command may have.
_COMMON = ("do", "id", "who")
#: What only a game day can do.
OF_A_DAY = ("approve", "skip")


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done. `share` is of 1, `by` in seconds; `phase` and `step` None: the present one."""

    do: str
    rule: str = ""
    share: float | None = None
    count: int = 1
    by: float = 0.0
    phase: str | None = None
    text: str = ""
    step: int | None = None
    id: str = ""  # the client's: the same one twice is done once
    who: str = ""  # as the client calls itself

    @property
    def args(self) -> dict[str, Any]:
        """Its own fields, as they are logged."""
        return {name: getattr(self, name) for name in FIELDS[self.do] if getattr(self, name) not in (None, "")}


def refusal(what: str, hint: str = "") -> ChaosError:
    """A command that cannot be carried out; the run goes on."""
    return ChaosError(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)


def read_command(data: Mapping[str, Any]) -> Command:
    """The command in a JSON object; raises ChaosError that says what was found and what would work."""
    do = data.get("do")
    if not isinstance(do, str):
        raise refusal(f"`do` says {shorten(do)}", f"expected one of {', '.join(FIELDS)}")
    if do not in FIELDS:
        raise refusal(f"there is no command `{cut(do)}`", suggest(do, FIELDS))
    known = (*_COMMON, *FIELDS[do])
    for name in data:
        if name not in known:
            raise refusal(f"{do} takes no `{cut(str(name))}`", suggest(str(name), known))
    for name in _NEEDED.get(do, ()):
        if data.get(name) in (None, ""):
            raise refusal(f"{do} says no `{name}`", _EXAMPLES[name])
    found = {name: _READ[name](name, data[name]) for name in known if name != "do" and data.get(name) is not None}
    for name in _NEEDED.get(do, ()):
        if found[name] == "":  # of blanks alone, or of signs that no terminal shows
            raise refusal(f"{do} says no `{name}`", _EXAMPLES[name])
    return Command(do, **found)


_EXAMPLES = {
    "rule": "such as storm.0; `chaosllm ctl status` shows them",
    "share": "such as 40%",
    "by": "such as 30s",
    "text": "a sentence that the others will read",
}


def _name(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_NAME:
        raise refusal(f"`{field}` says {shorten(value)}", f"expected a name of up to {LONGEST_NAME} characters")
    return value


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise refusal(f"`{field}` says {shorten(value)}", f"expected text of up to {LONGEST_TEXT} characters")
    # Control characters would run on a terminal that shows the note; line breaks and tabs are meant.
    return "".join(sign for sign in value if sign.isprintable() or sign in "\n\t").strip()


def _share(field: str, value: Any) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        return parse_share(value if isinstance(value, str) else None)
    except ValueError:  # its words are an author's, who may write no 0.4
        expected = "expected a share from 0% to 100%, such as 40% or 0.4"
        raise refusal(f"`{field}` says {shorten(value)}", expected) from None


def _by(field: str, value: Any) -> float:
    try:
        bare = isinstance(value, int | float) and not isinstance(value, bool)
        seconds = value if bare else parse_duration(value)
    except ValueError:
        raise refusal(f"`{field}` says {shorten(value)}", "expected a time with its unit, such as 30s") from None
    if not 0 < seconds <= LONGEST_EXTENSION:
        raise refusal(f"`{field}` says {shorten(value)}", "expected a time above 0 and up to a day, such as 30s")
    return float(seconds)


def _whole(most: int) -> Callable[[str, Any], int]:
    def read(field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise refusal(f"`{field}` says {shorten(value)}", f"expected a whole number from 1 to {most:,}")
        return value

    return read


_READ: dict[str, Callable[[str, Any], Any]] = {
    "rule": _name,
    "share": _share,
    "count": _whole(MOST_AT_ONCE),
    "by": _by,
    "phase": _name,
    "text": _text,
    "step": _whole(10_000),
    "id": _name,
    "who": _name,
}
