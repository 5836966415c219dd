"""The options of `servers add` and `servers edit`, and the request's fields that they stand for."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import click

from ..mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport
from .problems import Problem
from .secrets import SecretSource, read_headers, secret_options

F = TypeVar("F", bound=Callable[..., Any])
_ENUMS: dict[str, Callable[[str], Any]] = {
    "transport": Transport,
    "auth_type": AuthType,
    "availability": Availability,
    "tool_changes": ToolChanges,
}
_SECRET_OF = {"oauth2": "oauth2_client_secret", "api_key": "api_key_value"}


def _choice(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([each.value for each in kind])


_OPTIONS = (
    click.option("--name", "display_name", help="For people; from the URL if not given."),
    click.option("--slug", help="For programs; made from the name if not given."),
    click.option("--description"),
    click.option("--icon", "icon_url", metavar="PATH", help="A path on the deployment."),
    click.option("--transport", type=_choice(Transport)),
    click.option("--auth", "auth_type", type=_choice(AuthType)),
    click.option("--availability", type=_choice(Availability)),
    click.option("--enable/--disable", "enabled", default=None),
    click.option("--client-id", "oauth2_client_id", help="OAuth2: of a client made by hand."),
    click.option("--client-secret", is_flag=True, help="OAuth2: the client has a secret, too."),
    click.option("--auth-url", "oauth2_auth_url", help="OAuth2: the authorization endpoint."),
    click.option("--token-url", "oauth2_token_url", help="OAuth2: the token endpoint."),
    click.option("--revocation-url", "oauth2_revocation_url", help="OAuth2."),
    click.option("--issuer", "oauth2_issuer", help="OAuth2: discover the endpoints there."),
    click.option("--scopes", "oauth2_scopes", help="OAuth2: with blanks between them."),
    click.option("--api-key-header", help="API key: the header that carries it."),
    click.option("--api-key", is_flag=True, help="API key: enter it (anew)."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME[=env:VARIABLE|=file:PATH]",
        help="Custom headers: one of them; its value is a secret.",
    ),
    click.option(
        "--user-header",
        "user_header_names",
        multiple=True,
        metavar="NAME",
        help="A header whose value each user fills in; '' clears.",
    ),
    click.option("--allow-tool", "tool_allow_list", multiple=True, help="Only these; '' clears."),
    click.option("--deny-tool", "tool_deny_list", multiple=True, help="Not these; '' clears."),
    click.option(
        "--tool-rule",
        "tool_rules",
        multiple=True,
        metavar="TOOL=allow|deny|ask",
        help="All rules of tools; '' clears.",
    ),
    click.option(
        "--tool-changes",
        type=_choice(ToolChanges),
        help="What becomes of tools that are not as they were approved.",
    ),
    click.option(
        "--org",
        "organization_ids",
        multiple=True,
        metavar="ORGANIZATION",
        help="Only for members of these; '' makes it for everybody.",
    ),
    click.option("--model-intent/--no-model-intent", default=None),
    click.option("--plan-mode/--no-plan-mode", "allow_in_plan_mode", default=None),
    click.option("--forward-headers/--no-forward-headers", "forward_coder_headers", default=None),
    secret_options,
)


def server_options(function: F) -> F:
    """All fields of a server but its URL."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_changes(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request that were given, secrets read from where they are.

    Raises:
        Problem: a secret is missing, or nothing says what it is for.
    """
    given = {name: value for name, value in options.items() if value not in (None, ())}
    source = SecretSource(
        stdin=given.pop("secret_stdin", False),
        env=given.pop("secret_env", None),
        file=given.pop("secret_file", None),
    )
    wants = {
        "oauth2_client_secret": given.pop("client_secret", False),
        "api_key_value": given.pop("api_key", False)
        or (given.get("auth_type") == "api_key" and "api_key_header" in given),
    }
    headers = given.pop("headers", ())
    if source.is_given and not headers and not any(wants.values()):
        raise Problem("Say what the secret is for: --client-secret, --api-key or --header NAME.")
    for name, wanted in wants.items():
        if wanted:
            given[name] = source.read("Secret")
    if headers:
        given["custom_headers"] = read_headers(headers, source)
    for name, kind in _ENUMS.items():
        if name in given:
            given[name] = kind(given[name])
    for name in ("tool_allow_list", "tool_deny_list", "user_header_names"):
        if name in given:
            given[name] = list(given[name])
    if "tool_rules" in given:
        given["tool_rules"] = _read_rules(given["tool_rules"])
    return given


def _read_rules(texts: Sequence[str]) -> dict[str, ToolRule]:
    rules: dict[str, ToolRule] = {}
    for text in texts:
        tool, _, rule = text.rpartition("=")
        if not text:
            continue
        if rule not in list(ToolRule):
            raise Problem(f"{text} is no rule; give TOOL=allow, TOOL=deny or TOOL=ask.")
        rules[tool] = ToolRule(rule)
    return rules
