"""The pieces of HTML that the page is made of; `say` is the only way for text to get in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from chaosllm.renderers import _words as words

#: Nothing is fetched and nothing runs; styles are inline because matplotlib's SVG carries style attributes.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def say(value: object) -> str:
    """Foreign text, cleaned and escaped for element content and quoted attributes."""
    return escape(words.clean("" if value is None else value))


def anchor(name: str) -> str:
    """The operation's part of an evidence id: "op-17/call-2" -> "op-17"."""
    return name.split("/", maxsplit=1)[0]


def section(key: str, title: str, body: str) -> str:
    """A landmark with its heading."""
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{say(title)}</h2>\n{body}</section>'


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
