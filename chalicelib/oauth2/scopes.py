"""Scopes: texts separated by blanks, whose order means nothing (RFC 6749 section 3.3)."""

from collections.abc import Iterable

OFFLINE_ACCESS = "offline_access"

_LONGEST = 2048  # They travel in a URL.


def join_scopes(*groups: Iterable[str]) -> str:
    """The union of groups of scopes, in the order of their first mention.

    What would not fit into a URL is left out.
    """
    joined = ""
    for scope in dict.fromkeys(each for group in groups for each in group):
        longer = f"{joined} {scope}".strip()
        if len(longer) > _LONGEST:
            break
        joined = longer
    return joined


def choose_scopes(
    challenged: Iterable[str], resource_scopes: Iterable[str], server_scopes: Iterable[str]
) -> tuple[str, ...]:
    """What to ask for at first (MCP authorization, "Scope Selection Strategy").

    The challenge's scopes, else the resource's, else none. Where any are asked for and the
    authorization server knows `offline_access`, that too: without it, such servers give no refresh
    token (OpenID Connect Core section 11).
    """
    chosen = tuple(challenged) or tuple(resource_scopes)
    if chosen and OFFLINE_ACCESS in server_scopes and OFFLINE_ACCESS not in chosen:
        return (*chosen, OFFLINE_ACCESS)
    return chosen
