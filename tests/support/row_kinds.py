"""Every kind of row there is, by its table and keys, and the class that reads and writes it."""

import re

from infra.local.environments import ROOT
from tests.support.row_ledger import Key, Ledger

KINDS = {
    "identity USER#…/account": "AccountItem",
    "identity USER#…/login": "LoginTokensItem",
    "identity USERS/…": "DirectoryItem",
    "identity EMAIL#…/guard": "GuardItem",
    "identity OIDC#…/guard": "GuardItem",
    "identity DELETING/…": "GuardItem",
    "identity TOKEN#…/token": "CredentialItem",
    "identity OWNERS/active": "OwnersItem",
    "organizations ORG#…/profile": "OrganizationItem",
    "organizations ORG#…/MEMBER#…": "MembershipItem",
    "organizations NAME#…/guard": "NameGuardItem",
    "organizations ORG#…/GROUP#…": "GroupItem",
    "organizations ORG#…/GROUPNAME#…": "GroupNameItem",
    "organizations ORG#…/WORKSPACE#…": "WorkspaceItem",
    "organizations ORG#…/WORKSPACENAME#…": "WorkspaceNameItem",
    "servers SERVER/…": "ServerItem",
    "servers SLUG#…/guard": "SlugGuardItem",
    "servers ICON#…/icon": "IconItem",
    "servers TOOLS#…/…": "ApprovalsItem",
    "connections USER#…/SERVER#…": "ConnectionItem",
    "connections REFUSALS#…/SERVER#…": "RefusalsItem",
    "chats CHAT#…/meta": "ChatItem",
    "chats CHAT#…/MSG#…": "MessageItem",
    "chats CHAT#…/PIECE#…": "PieceItem",
    "chats CHAT#…/QUEUE#…": "QueuedItem",
    "chats CHAT#…/LIVE#…": "FragmentItem",
    "chats CHAT#…/CONN#…": "SocketItem",
    "chats CONN#…/meta": "SocketItem",
    "chats TICKET#…/meta": "TicketItem",
    "chats CHAT#…/USAGE": "CounterItem",
    "chats SPENT#…/…": "CounterItem",
    "chats LIMITS/DEPLOYMENT": "DeploymentLimitsItem",
    "chats LIMITS/USER#…": "UserLimitItem",
    "chats ORG#…/CHAT#…": "Item",
    "chats ACTIVE#…/CHAT#…": "Item",
    "chats FILE#…/meta": "FileItem",
    "chats FILE#…/chunk": "ChunkItem",
    "chats FILES#OWNER#…/…": "Item",
    "chats FILES#ORG#…/…": "Item",
    "chats FILES#LOOSE/…": "LooseItem",
    "models MODELS/PROVIDER#…": "ProviderItem",
    "models MODELS/CONFIG#…": "ConfigItem",
    "models MODELS/DEFAULT": "DefaultItem",
    "idempotency REQUEST#…/answer": "AnswerItem",
    "audit MONTH#…/…": "EventItem",
    "keys KEY#…/record": "DataKeyItem",
    "keys SCOPE#…/active": "ActiveKeyItem",
}
ONLY_ASKED = {
    "identity EMAIL#…/guard",
    "identity OWNERS/active",
    "organizations NAME#…/guard",
    "organizations ORG#…/GROUPNAME#…",
    "organizations ORG#…/WORKSPACENAME#…",
    "chats ORG#…/CHAT#…",
    "chats FILES#OWNER#…/…",
    "chats FILES#ORG#…/…",
}
"""Kinds that hold a name or a place: a condition on them is all the reading that a story needs."""

_CLASS = re.compile(r"^class ([A-Za-z]\w*)\((?:Versioned|Lookup)?Item\):", re.MULTILINE)
_PATTERNS = {kind: re.compile(re.escape(kind).replace("…", ".+")) for kind in KINDS}


def kind_of(row: Key) -> str:
    """The kind of a row. A kind that is not listed is an error."""
    text = f"{row[0]} {row[1]}/{row[2]}"
    found = [kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(text)]
    # The longest is the closest: another's key may begin as a more general one does.
    assert found, f"KINDS does not know {text}"
    return max(found, key=len)


def classes_in_the_code() -> set[str]:
    """The names of all classes of items, without those that only tell others apart."""
    files = [each for each in (ROOT / "chalicelib").rglob("*.py") if each.parent.name != "storage"]
    return {name for each in files for name in _CLASS.findall(each.read_text(encoding="utf-8"))}


def find_uncrossed(ledger: Ledger) -> set[str]:
    """The kinds of which one of two releases read no row that the other had written."""
    given = {(kind_of(row), writer) for row, writer, _ in ledger.given}
    asked = {(kind_of(row), writer) for row, writer, _ in ledger.asked}
    crossed = given | {each for each in asked if each[0] in ONLY_ASKED}
    return {kind for kind in KINDS for writer in ("old", "new") if (kind, writer) not in crossed}


def find_unwritten(ledger: Ledger) -> set[str]:
    """The attributes that the old release has written to a kind of row and the new one has not."""
    written: dict[str, set[str]] = {"old": set(), "new": set()}
    for (row, writer), names in ledger.attributes.items():
        written[writer].update(f"{kind_of(row)} {name}" for name in names)
    return written["old"] - written["new"]
