"""What an admin says about one tool: the two lists and the rules, in one order of precedence."""

from collections.abc import Collection, Mapping

from chalicelib.sdk.mcp_servers import ToolRule


def find_rule(
    name: str,
    *,
    allow_list: Collection[str],
    deny_list: Collection[str],
    rules: Mapping[str, ToolRule],
) -> ToolRule:
    """The rule of a tool; names are compared exactly.

    1. A denial wins, whether the deny list or the tool's own rule says it.
    2. The tool's own rule comes next, also for a tool that the allow list does not name.
    3. If the allow list names anything, what it does not name is denied.
    4. Anything else is allowed.
    """
    own = rules.get(name)
    if name in deny_list or own is ToolRule.DENY:
        return ToolRule.DENY
    if own is not None:
        return own
    return ToolRule.DENY if allow_list and name not in allow_list else ToolRule.ALLOW
