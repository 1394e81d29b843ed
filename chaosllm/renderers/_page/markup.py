"""The pieces of HTML that the page is made of; `say` is the only way for text to get in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape

from chaosllm.renderers import _words as words

#: Nothing is fetched and nothing runs; styles are inline because matplotlib's SVG carries style attributes.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

#: A figure of the first screen: its title, the figure, its class in the style sheet, what it means.
type Tile = tuple[str, str, str, list[str]]

_CODE = re.compile(r"`([^`]+)`")


def say(value: object) -> str:
    """Foreign text, cleaned and escaped for element content and quoted attributes."""
    return escape(words.clean("" if value is None else value))


def prose(value: object, phases: Collection[str] = ()) -> str:
    """As `say`, with what stands between backticks as code, and the names of `phases` as those of phases.

    Escaped first: whatever the backticks hold is text by then. A phase looks unlike a finding or a command, because
    a phase `storm` may stand beside a finding `retry_storm`. Names without backticks are found where a sentence of
    ours speaks of them, such as "no operation was due in cut": checks and metrics tell of phases in plain words,
    which screens and logs show as they are.
    """
    text = words.clean("" if value is None else value)
    known = {words.clean(name): words.named(name) for name in phases}
    if phases:
        names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True) if name)
        text = re.sub(
            rf"\b(in|of|and|after|phase) ({names})(?=[\s,.:;]|$)", lambda found: f"{found[1]} {known[found[2]]}", text
        )
    marked = {say(name[1:-1]) for name in known.values()}
    return _CODE.sub(lambda found: phase(found[1]) if found[1] in marked else f"<code>{found[1]}</code>", say(text))


def phase(shown: str) -> str:
    """The name of a phase, which is markup already."""
    return f'<code class="phase">{shown}</code>'


def anchor(name: str) -> str:
    """The operation's part of an evidence id: "op-17/call-2" -> "op-17"."""
    return name.split("/", maxsplit=1)[0]


def section(key: str, title: str, body: str) -> str:
    """A landmark with its heading."""
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{say(title)}</h2>\n{body}</section>'


def tile(title: str, figure: str, state: str, lines: Sequence[str], *, phases: Collection[str] = ()) -> str:
    """A figure with its title above it and what it means below; lines that are "" are left out."""
    told = "".join(f"<dd>{prose(line, phases)}</dd>" for line in lines if line)
    return f'<div><dt>{say(title)}</dt><dd class="figure {state}">{say(figure)}</dd>{told}</div>'


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    label: str = "",
    stack: bool = False,
) -> str:
    """A table that scrolls inside its own box; cells are markup already.

    `numbers` are the places of columns set to the right. `stack`: on a phone, each row becomes a block.
    """
    titles = "".join(
        f'<th scope="col" class="n">{say(title)}</th>' if place in numbers else f'<th scope="col">{say(title)}</th>'
        for place, title in enumerate(head)
    )

    def cell(place: int, content: str) -> str:
        if place not in numbers:
            return f"<td>{content}</td>"
        return f'<td class="n" data-name="{say(head[place])}">{content}</td>'

    lines = "".join("<tr>" + "".join(cell(place, item) for place, item in enumerate(row)) + "</tr>\n" for row in rows)
    kind = ' class="stack"' if stack else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{say(label or head[0])}">'
        f"<table{kind}><thead><tr>{titles}</tr></thead>\n<tbody>{lines}</tbody></table></div>"
    )


def word(verdict: object) -> tuple[str, str]:
    """(class, text) of a verdict, with its sign; one that is unheard of is undecided."""
    known = str(verdict) if str(verdict) in words.VERDICTS else "inconclusive"
    text, icon = words.VERDICTS[known]
    return known, f'<span aria-hidden="true">{icon}</span> {text}'


def body(top: str, sections: Iterable[tuple[str, str, str]], foot: str) -> str:
    """What every page of ours has in it: a way past its links, what stands on top, links to its sections, and a foot.

    `sections` are (anchor, title, markup); one without markup is left out. All else is markup already.
    """
    shown = [one for one in sections if one[2]]
    links = "".join(f'<li><a href="#{key}">{say(title)}</a></li>' for key, title, _ in shown)
    return (
        '<a class="skip" href="#main">Skip to the result</a>\n'
        f'<main id="main" tabindex="-1">\n{top}\n<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        + "\n".join(section(key, title, part) for key, title, part in shown)
        + f"\n</main>\n<footer>{foot}</footer>"
    )


def document(title: str, style: str, body: str) -> str:
    """A whole page that asks nobody for anything; title and body are markup already."""
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="chaosllm">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
