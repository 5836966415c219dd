import pytest

from chalicelib.chats.models import TITLE_CHARACTERS, build_title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is open?", "What is open?"),
        ("\n  two   words \nnext line", "two words"),
        (" \n\t", "New Chat"),
        ("word " * 40, "word " * 15 + "word…"),
        ("x" * 200, "x" * TITLE_CHARACTERS + "…"),
    ],
)
def test_a_title_is_the_first_line_cut_at_a_word(text: str, title: str) -> None:
    assert build_title(text) == title
