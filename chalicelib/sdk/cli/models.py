"""Models that chats may use."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import click

from ..chat_models import ChatModelConfig
from ..client import Client
from ..requests.chat_models import CreateChatModelConfigRequest, UpdateChatModelConfigRequest
from .commands import Group
from .model_providers import get_provider_id, providers
from .problems import REFUSED, Problem
from .session import Session, is_id, pass_session

F = TypeVar("F", bound=Callable[..., Any])
_MICROS = 1_000_000


class Dollars(click.ParamType[int]):
    """A price such as `2.50`, in micro-dollars."""

    name = "dollars"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Its micro-dollars."""
        try:
            micros = Decimal(str(value)) * _MICROS
        except InvalidOperation:
            micros = Decimal("NaN")
        if not micros.is_finite() or micros < 0 or micros != micros.to_integral_value():
            self.fail(f"{value!r} is no price in dollars such as 2.50", param, ctx)
        return int(micros)


def _price(name: str, of: str) -> Callable[[F], F]:
    return click.option(name, type=Dollars(), help=f"Dollars for a million tokens {of}.")


_OPTIONS = (
    click.option("--name", "display_name", help="For people; the model's if not given."),
    click.option("--context-limit", type=int, metavar="TOKENS", help="How much it can take in."),
    click.option(
        "--compression-threshold",
        type=int,
        metavar="PERCENT",
        help="At which part of that a conversation is condensed; 70 if not given.",
    ),
    click.option(
        "--max-output",
        "max_output_tokens",
        type=int,
        metavar="TOKENS",
        help="Of one answer; 0 leaves it to the provider.",
    ),
    _price("--input-price", "taken in"),
    _price("--output-price", "given out"),
    _price("--cache-read-price", "read from the cache; as input if not given"),
    _price("--cache-creation-price", "written to the cache; as input if not given"),
    click.option("--enable/--disable", "enabled", default=None),
)


def _model_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_model = click.argument("model")


@click.group(cls=Group)
def models() -> None:
    """Models that chats may use, and their providers.

    A model is given by its id, its name, or what its provider calls it.
    """


@models.command("list")
@click.option("--all", "all_", is_flag=True, help="Disabled ones and prices, too; for owners.")
@pass_session
def list_models(session: Session, all_: bool) -> None:
    """List the models that a chat may use."""
    with session.client() as client:
        if all_:
            _show_all(session, client.experimental.list_chat_model_configs())
            return
        found = client.experimental.list_chat_models()
    rows = [
        (each.display_name, each.provider.value, each.context_limit, each.is_default, each.id)
        for each in found
    ]
    session.output.table(("Name", "Provider", "Context", "Default", "Id"), rows, found)


@models.command()
@click.argument("provider")
@_model
@_model_options
@click.option("--default/--no-default", "is_default", default=None, help="For most chats.")
@pass_session
def add(session: Session, /, provider: str, model: str, **options: Any) -> None:
    """Add a model of a provider, by what the provider calls it. The first is the default."""
    given = {name: value for name, value in options.items() if value is not None}
    if "context_limit" not in given:
        raise click.UsageError("Say how much the model can take in: --context-limit TOKENS.")
    with session.client() as client:
        provider_id = get_provider_id(client, provider)
        request = CreateChatModelConfigRequest(provider_id=provider_id, model=model, **given)
        created = client.experimental.create_chat_model_config(request)
    hint = " It is the default." if created.is_default else ""
    session.output.done(f"Added {created.display_name} with the id {created.id}.{hint}", created)


@models.command()
@_model
@click.option("--provider", help="Another provider of it.")
@click.option("--model", "model_name", help="Another model of the provider.")
@_model_options
@pass_session
def edit(
    session: Session,
    /,
    model: str,
    provider: str | None,
    model_name: str | None,
    **options: Any,
) -> None:
    """Change a model. What is not given stays."""
    changes = {name: value for name, value in options.items() if value is not None}
    if model_name is not None:
        changes["model"] = model_name
    if not changes and provider is None:
        raise click.UsageError("Nothing is to be changed; see --help for what can be.")
    with session.client() as client:
        if provider is not None:
            changes["provider_id"] = get_provider_id(client, provider)
        config_id = get_model_config_id(client, model)
        request = UpdateChatModelConfigRequest(**changes)
        changed = client.experimental.update_chat_model_config(config_id, request)
    session.output.done(f"Changed {changed.display_name}: {', '.join(sorted(changes))}.", changed)


@models.command()
@_model
@pass_session
def default(session: Session, model: str) -> None:
    """Make a model that of chats that name none."""
    with session.client() as client:
        config_id = get_model_config_id(client, model)
        request = UpdateChatModelConfigRequest(is_default=True)
        changed = client.experimental.update_chat_model_config(config_id, request)
    session.output.done(f"{changed.display_name} is the default now.", changed)


@models.command()
@_model
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, model: str, yes: bool) -> None:
    """Remove a model; after the default one there is none."""
    with session.client() as client:
        config_id = get_model_config_id(client, model)
        if not yes:
            click.confirm(f"Remove {model}?", abort=True, err=True)
        client.experimental.delete_chat_model_config(config_id)
    session.output.done(f"Removed {model}.", {"id": config_id, "removed": True})


def get_model_config_id(client: Client, reference: str) -> str:
    """The id of a model by it, by its display name, or by what its provider calls it.

    Raises:
        Problem: none is called so, or several are.
    """
    if is_id(reference):
        return reference
    found = client.experimental.list_chat_model_configs()
    for name in ("display_name", "model"):
        ids = [each.id for each in found if getattr(each, name) == reference]
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise Problem(f"Several models are called {reference}; give the id.", REFUSED)
    raise Problem(f"No model is called {reference}. See `ciborium models list --all`.", REFUSED)


def _show_all(session: Session, found: list[ChatModelConfig]) -> None:
    rows = [
        (
            each.display_name,
            each.provider.value,
            each.model,
            each.context_limit,
            _to_dollars(each.input_price),
            _to_dollars(each.output_price),
            each.enabled,
            each.is_default,
            each.id,
        )
        for each in found
    ]
    columns = (
        *("Name", "Provider", "Model", "Context", "$ in", "$ out", "Enabled", "Default", "Id"),
    )
    session.output.table(columns, rows, found)


def _to_dollars(micros: int) -> str:
    return f"{Decimal(micros) / _MICROS:f}"


models.add_command(providers)
