"""Providers of models: where they are, and the keys for them."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import SecretStr

from ..chat_models import ProviderKind
from ..client import Client
from ..requests.chat_models import CreateChatProviderConfigRequest, UpdateChatProviderConfigRequest
from .commands import Group
from .output import note
from .problems import REFUSED, Problem
from .secrets import SecretSource, secret_options
from .session import Session, is_id, pass_session

F = TypeVar("F", bound=Callable[..., Any])
_KIND = click.Choice([each.value for each in ProviderKind])
_NAMES = {
    ProviderKind.OPENAI: "OpenAI",
    ProviderKind.ANTHROPIC: "Anthropic",
    ProviderKind.BEDROCK: "Amazon Bedrock",
}
_OPTIONS = (
    click.option("--name", "display_name", help="For people; from the kind if not given."),
    click.option("--url", "base_url", help="Where it is, if not where its kind is; '' for that."),
    click.option("--region", help="Bedrock: the AWS region."),
    click.option(
        "--api-key/--no-api-key", default=None, help="Enter its key (anew), or have none."
    ),
    click.option("--enable/--disable", "enabled", default=None),
    secret_options,
)


def _provider_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_provider = click.argument("provider")


@click.group(cls=Group)
def providers() -> None:
    """Providers of models: OpenAI and compatible ones, Anthropic, Amazon Bedrock."""


@providers.command("list")
@pass_session
def list_providers(session: Session) -> None:
    """List the providers."""
    with session.client() as client:
        found = client.experimental.list_chat_providers()
    rows = [
        (
            each.display_name,
            each.provider.value,
            each.base_url,
            each.has_api_key,
            each.enabled,
            each.id,
        )
        for each in found
    ]
    columns = ("Name", "Kind", "URL", "Key", "Enabled", "Id")
    session.output.table(columns, rows, found)


@providers.command()
@click.argument("kind", type=_KIND)
@_provider_options
@pass_session
def add(session: Session, /, kind: str, **options: Any) -> None:
    """Add a provider by the API that it speaks.

    Its key is asked for, except for Amazon Bedrock, where the deployment's role does, and for one
    with --url.
    """
    provider = ProviderKind(kind)
    needs_key = provider is not ProviderKind.BEDROCK and not options["base_url"]
    fields = _read_fields(options, needs_key=needs_key)
    fields.setdefault("display_name", _NAMES[provider])
    request = CreateChatProviderConfigRequest(provider=provider, **fields)
    with session.client() as client:
        created = client.experimental.create_chat_provider(request)
    session.output.done(f"Added {created.display_name} with the id {created.id}.", created)


@providers.command()
@_provider
@click.option("--kind", type=_KIND, help="Another API that it speaks.")
@_provider_options
@pass_session
def edit(session: Session, /, provider: str, kind: str | None, **options: Any) -> None:
    """Change a provider. What is not given stays.

    Its key goes when it leads elsewhere: give the new one along.
    """
    changes = _read_fields(options, needs_key=False)
    if kind is not None:
        changes["provider"] = ProviderKind(kind)
    if not changes:
        raise click.UsageError("Nothing is to be changed; see --help for what can be.")
    request = UpdateChatProviderConfigRequest(**changes)
    with session.client() as client:
        provider_id = get_provider_id(client, provider)
        changed = client.experimental.update_chat_provider(provider_id, request)
    if changed.api_key_cleared:
        note(
            "Its key was removed, for it was not meant for the new address. Enter one: "
            f"ciborium models providers edit {changed.id} --api-key"
        )
    session.output.done(f"Changed {changed.display_name}: {', '.join(sorted(changes))}.", changed)


@providers.command()
@_provider
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, provider: str, yes: bool) -> None:
    """Remove a provider that has no models."""
    with session.client() as client:
        provider_id = get_provider_id(client, provider)
        if not yes:
            click.confirm(f"Remove {provider}?", abort=True, err=True)
        client.experimental.delete_chat_provider(provider_id)
    session.output.done(f"Removed {provider}.", {"id": provider_id, "removed": True})


def get_provider_id(client: Client, reference: str) -> str:
    """The id of a provider by it, or by its display name.

    Raises:
        Problem: none is called so, or several are.
    """
    if is_id(reference):
        return reference
    found = [
        each.id
        for each in client.experimental.list_chat_providers()
        if each.display_name == reference
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(f"Several providers are called {reference}; give the id.", REFUSED)
    where = "`ciborium models providers list`"
    raise Problem(f"No provider is called {reference}. See {where}.", REFUSED)


def _read_fields(options: dict[str, Any], *, needs_key: bool) -> dict[str, Any]:
    """The fields of a request that were given, the key read from where it is.

    Raises:
        Problem: the key is missing, or is not to be there.
    """
    given = {name: value for name, value in options.items() if value is not None}
    source = SecretSource(
        stdin=given.pop("secret_stdin", False),
        env=given.pop("secret_env", None),
        file=given.pop("secret_file", None),
    )
    wanted = given.pop("api_key", None)
    if wanted is False and source.is_given:
        raise Problem("Give either --no-api-key or where the key is.")
    if wanted is False:
        given["api_key"] = SecretStr("")
    elif wanted or needs_key or source.is_given:
        given["api_key"] = source.read("API key")
    return given
