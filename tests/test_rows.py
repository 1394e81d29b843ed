"""Rows of requests: what each kind of file holds, and each mistake with its line."""

import pytest

from chaosllm.rows import RowsError, prompts, read_rows


def test_a_text_file_is_one_prompt_a_line():
    """Blank lines and the mark that some editors begin with are passed over."""
    assert read_rows("\ufeffone\n\n  two \r\n", "p.txt") == prompts(("one", "two"))


def test_a_csv_file_has_a_header_row():
    """Quotes, commas and line breaks inside a value are RFC 4180's; every value is text."""
    found = read_rows('prompt,user\r\n"Say ""hi"",\nplease",7\r\n\r\nBye,8\r\n', "p.CSV")
    assert found.columns == ("prompt", "user")
    assert found.rows == ({"prompt": 'Say "hi",\nplease', "user": "7"}, {"prompt": "Bye", "user": "8"})


def test_a_jsonl_file_keeps_types():
    """Objects, whose numbers, lists and nulls stay what they are."""
    found = read_rows(
        '{"prompt": "hi", "n": 3, "tags": ["a"]}\n\n{"n": null, "tags": [], "prompt": "\\u2028"}\n', "p.jsonl"
    )
    assert found.rows[0] == {"prompt": "hi", "n": 3, "tags": ["a"]}
    assert found.rows[1] == {"n": None, "tags": [], "prompt": "\u2028"}


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("p.txt", "\n\n", 1, "p.txt holds no prompt"),
        ("p.csv", "prompt\n", 1, "holds no row"),
        ("p.csv", "", 1, "holds no row"),
        ("p.csv", 'prompt,user\n"two\nlines",1\nhi\n', 4, "found 1 value in this row"),
        ("p.csv", "prompt,user\nhi,there,7\n", 2, "expected 2: prompt, user"),
        ("p.csv", "prompt,prompt\na,b\n", 1, "two columns `prompt`"),
        ("p.csv", "prompt,\na,b\n", 1, "as the name of a column"),
        ("p.csv", 'prompt\nok\n"open\n', 3, "this is no CSV"),
        ("p.jsonl", '{"prompt": "a"}\n[1]\n', 2, "found a list"),
        ("p.jsonl", '{"prompt": "a"}\n{"prompt": \n', 2, "this is no JSON"),
        ("p.jsonl", '{"n": NaN}\n', 1, "NaN"),
        ("p.jsonl", '{"prompt": "\\ud800"}\n', 1, "surrogate"),
        ("p.jsonl", "[" * 100_000, 1, "no JSON"),
        ("p.jsonl", '{"prompt": "a", "user": 1}\n{"prompt": "a", "usr": 1}\n', 2, "did you mean `usr`?"),
        ("p.jsonl", '{"prompt": "a"}\n{"prompt": "a", "user": 1}\n', 2, "the first has not"),
    ],
)
def test_a_mistake_has_its_line(name, text, line, words):
    """Each mistake of a file is told at its line, with what would work."""
    with pytest.raises(RowsError) as caught:
        read_rows(text, name)
    at, what, hint = caught.value.mistakes[0]
    assert at == line
    assert words in f"{what} ({hint})"
