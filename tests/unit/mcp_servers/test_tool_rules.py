"""The precedence of lists and rules, as one table."""

import pytest

from chalicelib.mcp_servers.tool_rules import find_rule
from chalicelib.sdk.mcp_servers import ToolRule

ALLOW, DENY, ASK = ToolRule.ALLOW, ToolRule.DENY, ToolRule.ASK
# Whether the deny list names the tool, the allow list (None: it is empty), its own rule; the rule.
TABLE = [
    (False, None, None, ALLOW),
    (False, None, ALLOW, ALLOW),
    (False, None, ASK, ASK),
    (False, None, DENY, DENY),
    (False, True, None, ALLOW),
    (False, True, ALLOW, ALLOW),
    (False, True, ASK, ASK),
    (False, True, DENY, DENY),
    (False, False, None, DENY),
    (False, False, ALLOW, ALLOW),
    (False, False, ASK, ASK),
    (False, False, DENY, DENY),
    *[(True, listed, own, DENY) for listed in (None, True, False) for own in (None, *ToolRule)],
]


@pytest.mark.parametrize(("denied", "listed", "own", "expected"), TABLE)
def test_a_denial_wins_and_a_tools_own_rule_beats_the_allow_list(
    denied: bool, listed: bool | None, own: ToolRule | None, expected: ToolRule
) -> None:
    allow_list = {None: (), True: ("other", "search"), False: ("other",)}[listed]
    found = find_rule(
        "search",
        allow_list=allow_list,
        deny_list=("search",) if denied else ("other",),
        rules={"search": own} if own else {"other": DENY},
    )
    assert found is expected


def test_the_table_has_every_case() -> None:
    assert len({case[:3] for case in TABLE}) == len(TABLE) == 2 * 3 * 4


@pytest.mark.parametrize("name", ["Search", "search ", "sear*"])
def test_names_are_compared_exactly(name: str) -> None:
    rules = {"search": DENY}
    assert find_rule(name, allow_list=(), deny_list=("search",), rules=rules) is ALLOW
