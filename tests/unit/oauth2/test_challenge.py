import time

import pytest

from chalicelib.oauth2.challenge import Challenge, find_bearer_challenge, parse_challenges


def parse(*values: str) -> list[tuple[str, dict[str, str]]]:
    return [(each.scheme, dict(each.parameters)) for each in parse_challenges(values)]


@pytest.mark.rule(2)
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer", [("bearer", {})]),
        ("BEARER Realm=x", [("bearer", {"realm": "x"})]),
        ('Bearer realm="a b", scope="r w"', [("bearer", {"realm": "a b", "scope": "r w"})]),
        ('Bearer realm = "x" ,scope=y', [("bearer", {"realm": "x", "scope": "y"})]),
        ('Bearer realm="a, Basic b=\\"c\\""', [("bearer", {"realm": 'a, Basic b="c"'})]),
        ('Bearer realm=""', [("bearer", {"realm": ""})]),
        (", ,Bearer a=b,, c=d,", [("bearer", {"a": "b", "c": "d"})]),
        ("Negotiate YWJj==, Bearer a=b", [("negotiate", {}), ("bearer", {"a": "b"})]),
        ('Basic realm="x", Bearer a=b', [("basic", {"realm": "x"}), ("bearer", {"a": "b"})]),
        ("Bearer a=1, A=2", [("bearer", {"a": "1"})]),
    ],
)
def test_a_header_is_read_by_the_grammar_of_rfc_9110(
    header: str, expected: list[tuple[str, dict[str, str]]]
) -> None:
    assert parse(header) == expected


def test_challenges_of_several_header_lines_keep_their_order() -> None:
    assert parse("Basic realm=x", "Bearer scope=y") == [
        ("basic", {"realm": "x"}),
        ("bearer", {"scope": "y"}),
    ]


@pytest.mark.rule(2, "trap:quoted-challenge")
def test_what_another_scheme_quotes_is_no_challenge() -> None:
    quoted = 'Basic realm="Bearer resource_metadata=https://evil.example"'
    assert find_bearer_challenge([quoted]) is None


@pytest.mark.rule(2)
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer a=b, realm="open, Bearer c=d', [("bearer", {"a": "b"})]),
        ("Bearer a=b, c=d=e, Basic", [("bearer", {"a": "b"})]),
        ("Bearer a=b, @, Basic c=d", [("bearer", {"a": "b"})]),
        ("a=b, Bearer c=d", []),
        ("", []),
        ("@", []),
    ],
)
def test_a_malformed_header_counts_up_to_its_fault(
    header: str, expected: list[tuple[str, dict[str, str]]]
) -> None:
    assert parse(header) == expected


@pytest.mark.parametrize("text", ['"\\' * 30_000, '"' + "\\" * 60_000, "Bearer a=" + "b " * 30_000])
def test_a_hostile_header_takes_no_time(text: str) -> None:
    started = time.perf_counter()
    parse_challenges([text])
    assert time.perf_counter() - started < 0.5


@pytest.mark.rule(3)
def test_of_two_bearer_challenges_the_one_that_names_the_metadata_counts() -> None:
    found = find_bearer_challenge(["Bearer realm=x", 'Bearer resource_metadata="https://m"'])
    assert found == Challenge("bearer", {"resource_metadata": "https://m"})


def test_a_bearer_challenge_counts_without_metadata_too() -> None:
    found = find_bearer_challenge(["Basic", "Bearer scope=x", "Bearer scope=y"])
    assert found == Challenge("bearer", {"scope": "x"})
