"""The rules that our OAuth2 and MCP client keeps; `docs/mcp-conformance.md` says what tests each.

Sections A to I are the duties of MCP 2026-07-28's client side, and of RFC 9728, 8414, 7591, 8707
and 9207 below it, in few words. Section J holds traps: what real servers and clients get wrong, and
what the official suite does not look at.
"""

from dataclasses import dataclass

RuleID = int | str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: its number, or the name of a trap.
        level: the specification's word, or a dash.
        duty: what we do.
        scenarios: the official suite's scenarios that look at it, as glob patterns.
    """

    id: RuleID
    level: str
    duty: str
    scenarios: tuple[str, ...]


# id | level | duty | scenarios
_TEXT = """
A. Protected resource metadata
1 | MUST | find the authorization server by RFC 9728 metadata | auth/metadata-*
2 | MUST | parse WWW-Authenticate and react to a 401 | auth/*
3 | MUST | use the challenge's resource_metadata URL | auth/metadata-default auth/metadata-var3
4 | MUST | else ask the path's well-known place, then the root's | auth/metadata-var[12]
5 | MUST | authorise nothing if the metadata's resource is another | auth/resource-mismatch
6 | - | nothing found: stop, or use what an admin entered |
7 | MUST | of several authorization servers choose one, and keep state by server |
8 | MUST NOT | show one server's credentials to another | auth/authorization-server-migration

B. Authorization server metadata
9 | MUST | read RFC 8414 and OpenID Connect Discovery | auth/metadata-*
10 | MUST | issuer with a path: three places, never the root | auth/metadata-var[23]
11 | MUST | issuer without a path: two places | auth/metadata-default auth/metadata-var1
12 | MUST | use no document of another issuer | auth/metadata-issuer-mismatch
13 | MUST | record the issuer with the state and the PKCE verifier | auth/iss-*

C. Client registration
14 | MUST | have a client id | auth/*
15 | SHOULD | by hand, by document, dynamically; else ask | auth/pre-registration auth/basic-cimd
16 | SHOULD | offer a Client ID Metadata Document where one is understood | auth/basic-cimd
17 | MUST | serve it at an https URL that is its client_id, exactly |
18 | MAY | authenticate with private_key_jwt in that document |
19 | SHOULD | take a client that an admin registered | auth/pre-registration
20 | MAY | register dynamically (RFC 7591) | auth/metadata-*
21 | MUST | send the application_type that fits the redirect URI | auth/*
22 | MUST | cope with redirect URI rules: try the other type, then explain |
23 | MUST | bind credentials to the issuer | auth/authorization-server-migration
24 | MUST | register anew where the server has moved to | auth/authorization-server-migration
25 | SHOULD | say so if a pre-registered client's issuer no longer fits |
26 | - | a document's client_id is good at any server, without registration |
27 | MUST | https for redirect URIs and endpoints, loopback aside |

D. Authorization request
28 | MUST | PKCE with S256 | auth/*
29 | MUST | refuse a server that does not promise S256 |
30 | MUST | send resource with authorization, token and refresh requests | auth/*
31 | MUST | as the metadata spells it | auth/*
32 | SHOULD | the challenge's scopes, else the resource's | auth/scope-from-* auth/scope-omitted-*
33 | MUST | take the challenge's scopes whatever the metadata lists | auth/scope-step-up
34 | SHOULD | ask for no more than that |
35 | MUST NOT | ask for offline_access unless the server knows it | auth/offline-access-*
36 | SHOULD | send a state, and discard answers without it |
37 | MUST | send browsers to https only, or http to their own machine |
38 | MUST | sanitise every URL that a server names; open none in a shell |

E. Authorization response
39 | MUST | check iss before the code goes anywhere (RFC 9207) | auth/iss-*
40 | MUST NOT | normalise it | auth/iss-normalized
41 | MUST NOT | show or act on the error of a response that fails this |

F. Tokens
42 | MUST | Authorization: Bearer on every request, never in the query | auth/*
43 | MUST NOT | send a token anywhere but where it was granted for |
44 | MUST | keep tokens encrypted, out of logs and answers |
45 | SHOULD | register the refresh_token grant | auth/offline-access-scope
46 | MUST NOT | count on a refresh token | auth/*
47 | MUST | keep the rotated refresh token, or the old one if none comes |
48 | MUST | OAuth 2.1 section 7: codes of one use, exact redirect URIs, mix-up defence |

G. 401 and 403 at run time
49 | SHOULD | step up on insufficient_scope | auth/scope-step-up
50 | SHOULD | ask for the union of what was and is asked for | auth/scope-step-up
51 | SHOULD | stop after three tries for an operation, and remember that | auth/scope-retry-limit

H. A client on a server
52 | MUST | guard every outbound request against SSRF, with caps on time and size |
53 | SHOULD | https only, unless an operator allows a network |
54 | SHOULD | refuse private, loopback, link-local and reserved addresses |
55 | SHOULD | check every redirect, and dial the address that was checked |
56 | MUST NOT | fetch a $ref of a tool's schema | json-schema-ref-no-deref
57 | MUST NOT | share what is private to one user with another |
58 | MUST | a state is random, of one use, ten minutes, one browser and one user |

I. Streamable HTTP
59 | MUST | one POST for a message, an answer as JSON or as events | tools_call
60 | MUST | protocol version, capabilities and client info on every request | request-metadata
61 | SHOULD | retry -32022 with a version from the list | request-metadata
62 | MUST | Mcp-Method always, Mcp-Name where there is a name | http-standard-headers
63 | MUST | mirror x-mcp-header arguments to Mcp-Param headers | http-custom-headers
64 | MUST | drop tools with a bad x-mcp-header; list again on -32020 | http-invalid-tool-headers
65 | MUST | no resultType means complete, an unknown one is an error | sep-2322-client-request-state
66 | MUST | give requestState back byte for byte, with a new id | sep-2322-client-request-state
67 | MUST | ask anew, with a new id, when a stream breaks |
68 | SHOULD | find out a server's era, and remember it |
69 | - | speak HTTP+SSE to older servers |
70 | MUST | 2025-11-25: sessions, retry, Last-Event-ID, DELETE at the end | sse-retry initialize

J. Traps
trap:trailing-slash | - | issuers that differ by a slash: refused, told, and pinnable |
trap:double-authentication | - | one client authentication in a token request |
trap:offline-access-consent | - | prompt=consent with offline_access, and only then |
trap:mounted-server | - | authorization servers mounted under a path are found |
trap:endpoint-query | - | an endpoint's own query is kept, with one question mark |
trap:absent-result-type | - | a modern answer without resultType is no crash |
trap:first-server-only | - | if the first authorization server is no good, the next |
trap:quoted-challenge | - | what a challenge quotes is no challenge |
trap:refresh-before-asking | - | a 401 on a good token: refresh, then ask |
trap:transient-refresh-failure | - | only invalid_grant and its kin end a grant |
trap:early-refresh | - | refresh ten seconds before the end |
trap:concurrent-refresh | - | many Lambdas, one refresh; a disconnect wins |
trap:secret-expiry | - | client_secret_expires_at is honoured |
trap:lazy-authorization | - | any refused call says where to connect |
trap:moved-server | - | a moved authorization server: new client, no old tokens |
trap:abandoned-registration | - | registrations of no use are deleted (RFC 7592) |
trap:isolation | - | no user sees, uses or ends another's connection |
"""

NOT_APPLICABLE: dict[RuleID, str] = {
    18: "A MAY that we leave: with a metadata document we are a public client, held to its "
    "redirect URI and PKCE; clients with a secret are registered.",
}
"""Rules that need no test, and why."""

PENDING: set[RuleID] = set()
"""Rules whose tests are still to be written; must become empty."""


def _parse(line: str) -> Rule:
    id_, level, duty, scenarios = (cell.strip() for cell in line.split("|"))
    return Rule(int(id_) if id_.isdigit() else id_, level, duty, tuple(scenarios.split()))


def _parse_sections(text: str) -> dict[str, tuple[Rule, ...]]:
    blocks = (block.splitlines() for block in text.strip().split("\n\n"))
    return {title: tuple(map(_parse, lines)) for title, *lines in blocks}


SECTIONS = _parse_sections(_TEXT)
RULES: dict[RuleID, Rule] = {rule.id: rule for rules in SECTIONS.values() for rule in rules}


def find_problems(tests: dict[str, list[RuleID]]) -> list[str]:
    """What is wrong with a mapping from tests to the rules that they carry."""
    carried = {id_ for ids in tests.values() for id_ in ids}
    excused = NOT_APPLICABLE.keys() | PENDING
    return [
        *(f"{id_} is no rule" for id_ in carried - RULES.keys()),
        *(f"{id_} has no test" for id_ in RULES if id_ not in carried | excused),
        *(f"{id_} has a test and is excused from it" for id_ in excused & carried),
    ]
