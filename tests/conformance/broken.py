"""A Ciborium that neglects one duty at a time, to see that the official suite would notice.

`python -m tests.conformance.broken SWITCH` is `make run` with the duties below switched off by name
in the file SWITCH. Nothing of it ships; the product has no such switches.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from infra.local import run

MODERN: Final = "2026-07-28"
LEGACY: Final = "2025-11-25"

Function = Callable[..., Any]
Break = Callable[[Function], Function]


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty, what keeps it, and who must notice when it is neglected.

    Attributes:
        keeper: the function that keeps it, where it is looked up: `module:name` or `:Class.name`.
        neglect: makes the function that does not, from the one that does.
        scenario: the official suite's scenario that must fail then.
        revision: the revision of the specification that has it.
    """

    keeper: str
    neglect: Break
    scenario: str
    revision: str = MODERN


def _always(value: Any) -> Break:
    return lambda _kept: lambda *_args, **_kwargs: value


def _without_parameters(*names: str) -> Break:
    """A URL builder that forgets parameters."""

    def neglect(kept: Function) -> Function:
        def build(*args: Any, **kwargs: Any) -> str:
            base, _, query = str(kept(*args, **kwargs)).partition("?")
            pairs = [pair for pair in parse_qsl(query) if pair[0] not in names]
            return f"{base}?{urlencode(pairs)}"

        return build

    return neglect


def _with_result(change: Callable[[Any], Any]) -> Break:
    return lambda kept: lambda *args, **kwargs: change(kept(*args, **kwargs))


def _without_headers(prefix: str) -> Break:
    """A channel that forgets headers."""

    def neglect(kept: Function) -> Function:
        def request(
            self: Any, method: str, params: Any, headers: Mapping[str, str], *rest: Any
        ) -> Any:
            left = {name: headers[name] for name in headers if not name.startswith(prefix)}
            return kept(self, method, params, left, *rest)

        return request

    return neglect


_OAUTH2 = "chalicelib.oauth2"
_MCP = "chalicelib.mcp_client"
_REQUEST = f"{_MCP}.channel:HTTPChannel.request"

DUTIES: Final[dict[str, Duty]] = {
    "PKCE": Duty(
        f"{_OAUTH2}.service:build_authorization_url",
        _without_parameters("code_challenge", "code_challenge_method"),
        "auth/metadata-default",
    ),
    "the resource parameter": Duty(
        f"{_OAUTH2}.service:build_authorization_url",
        _without_parameters("resource"),
        "auth/token-endpoint-auth-basic",
    ),
    "the challenge's scopes": Duty(
        f"{_OAUTH2}.discovery:choose_scopes", _always(()), "auth/scope-from-www-authenticate"
    ),
    "the resource's scopes": Duty(
        f"{_OAUTH2}.discovery:choose_scopes", _always(()), "auth/scope-from-scopes-supported"
    ),
    "offline_access only where it is known": Duty(
        f"{_OAUTH2}.discovery:choose_scopes",
        _with_result(lambda scopes: (*scopes, "offline_access")),
        "auth/offline-access-not-supported",
    ),
    "the check of iss": Duty(
        f"{_OAUTH2}.service:validate_authorization_response",
        _always(None),
        "auth/iss-wrong-issuer",
    ),
    "the check of a missing iss": Duty(
        f"{_OAUTH2}.service:validate_authorization_response",
        _always(None),
        "auth/iss-supported-missing",
    ),
    "iss as it is spelled": Duty(
        f"{_OAUTH2}.service:validate_authorization_response", _always(None), "auth/iss-normalized"
    ),
    "the check of the resource": Duty(
        f"{_OAUTH2}.discovery:is_resource_of", _always(True), "auth/resource-mismatch"
    ),
    "client ID metadata documents": Duty(
        f"{_OAUTH2}.provisioning:reads_our_document", _always(False), "auth/basic-cimd"
    ),
    "the union of scopes": Duty(
        f"{_OAUTH2}.reauthorization:Reauthorizer.scope_for", _always(""), "auth/scope-step-up"
    ),
    "three tries": Duty(
        f"{_OAUTH2}.reauthorization:Reauthorizer._may_ask_again",
        _always(True),
        "auth/scope-retry-limit",
    ),
    "following a moved authorization server": Duty(
        f"{_OAUTH2}.reauthorization:_has_moved",
        _always(False),
        "auth/authorization-server-migration",
    ),
    "the method that the server supports": Duty(
        f"{_OAUTH2}.tokens:TokenSealer.client_of",
        _with_result(lambda client: replace(client, token_endpoint_auth_method="none")),
        "auth/token-endpoint-auth-basic",
        LEGACY,
    ),
    "Mcp-Method": Duty(_REQUEST, _without_headers("Mcp-Method"), "http-standard-headers"),
    "Mcp-Name": Duty(_REQUEST, _without_headers("Mcp-Name"), "http-standard-headers"),
    "Mcp-Param headers": Duty(_REQUEST, _without_headers("Mcp-Param-"), "http-custom-headers"),
    "dropping tools with a bad header": Duty(
        f"{_MCP}.listing:has_valid_header_annotations",
        _always(True),
        "http-invalid-tool-headers",
    ),
    "requestState byte for byte": Duty(
        f"{_MCP}.calling:_build_round",
        _with_result(
            lambda further: (
                {**further, "requestState": str(further.get("requestState")).upper()}
                if further
                else further
            )
        ),
        "sep-2322-client-request-state",
    ),
    "resuming a stream": Duty(
        f"{_MCP}.channel:_Exchange.resume", _always({"result": {}}), "sse-retry", LEGACY
    ),
    "the defaults of a form": Duty(
        f"{_MCP}.elicitation:accept_defaults",
        _always({"action": "accept", "content": {}}),
        "elicitation-sep1034-client-defaults",
        LEGACY,
    ),
}


def switch_by(switch: Path) -> None:
    """Let the file decide which duty is neglected, at each call."""
    for name, duty in DUTIES.items():
        module, _, path = duty.keeper.partition(":")
        *holders, attribute = path.split(".")
        holder: Any = import_module(module)
        for each in holders:
            holder = getattr(holder, each)
        kept = getattr(holder, attribute)
        setattr(holder, attribute, _choose(switch, name, kept, duty.neglect(kept)))


def _choose(switch: Path, name: str, kept: Function, broken: Function) -> Function:
    def choose(*args: Any, **kwargs: Any) -> Any:
        is_neglected = switch.read_text(encoding="utf-8") == name
        return (broken if is_neglected else kept)(*args, **kwargs)

    return choose


if __name__ == "__main__":
    switch_by(Path(sys.argv.pop(1)))
    run.main()
