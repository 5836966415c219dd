"""What every command of the operator's program needs: the deployment, and somewhere to print."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import botocore.session
import click

from chalicelib.bootstrap.operations import Operations
from chalicelib.config import Settings
from chalicelib.egress import Egress
from chalicelib.primitives import Clock, utc_now
from chalicelib.storage import Database

Report = Callable[[str], object]
_DEFAULT_REGION = "us-east-1"  # As the product's own.


@dataclass
class Operator:
    """The deployment that the environment names, with the AWS credentials that it holds.

    Attributes:
        environment: where the settings are.
        clock: the time; tests have their own.
        egress: the way out to other servers; tests have their own.
        as_json: whether the result is printed as one JSON document.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = utc_now
    egress: Egress | None = None
    as_json: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The deployment's settings.

        Raises:
            SettingsError: one is missing or unusable.
        """
        return Settings.from_environment(self.environment)

    @cached_property
    def database(self) -> Database:
        """The deployment's tables."""
        session = botocore.session.get_session()
        region = session.get_config_variable("region") or _DEFAULT_REGION
        return Database(self.settings.table_name, region)

    @cached_property
    def services(self) -> Operations:
        """The product's parts, and the operator's."""
        return Operations(
            self.settings, database=self.database, clock=self.clock, egress=self.egress
        )

    @property
    def report(self) -> Report:
        """Takes lines about the progress; they do not mix with the result."""
        return lambda line: click.echo(line, err=True)

    def result(self, lines: Sequence[str], document: Any) -> None:
        """Print what has come of it: for people, or for programs."""
        if self.as_json:
            click.echo(json.dumps(document, indent=2))
        else:
            for line in lines:
                click.echo(line)


pass_operator = click.make_pass_decorator(Operator)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--json`, which sets `Operator.as_json`."""

    def set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            context.find_object(Operator).as_json = True  # type: ignore[union-attr]

    option = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=set_json,
        help="Print the result as JSON.",
    )
    return option(command)
