"""What each stage is deployed with: `infra/stages/<stage>.json`, a value for each parameter.

A secret does not belong into a file: a variable `PARAMETER_<name>` takes its place, or a
reference that CloudFormation resolves, such as `{{resolve:secretsmanager:…}}`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.cloudformation import DeploymentError, Template

FOLDER = Path(__file__).with_name("stages")
UNKNOWN_URL = "https://not-known-yet.invalid"
"""For a first deployment without a domain: only that makes the address."""
_OVERRIDES = "PARAMETER_"
_WRAPPING_KEY = "WrappingKeyARN"
_STAGE = re.compile(r"[a-z][a-z0-9-]{0,30}")
_OURS = frozenset({"Stage", "Release"})  # Set by whoever deploys.


@dataclass(frozen=True)
class Parameters:
    """What a stack is given.

    Attributes:
        values: the parameters with values.
        kept: those that stay as they are, because nobody but CloudFormation knows them.
    """

    values: dict[str, str] = field(repr=False)
    kept: tuple[str, ...] = ()


def require_stage(name: str) -> str:
    """A stage's name, if it is one.

    Raises:
        DeploymentError: it is none.
    """
    if not _STAGE.fullmatch(name):
        raise DeploymentError(
            "Name the stage: STAGE=prod. Small letters, digits and hyphens, a letter first."
        )
    return name


def load_parameters(
    stage: str,
    template: Template,
    environment: Mapping[str, str],
    *,
    deployed: Mapping[str, str],
    folder: Path = FOLDER,
) -> Parameters:
    """What to deploy a stage with: its file, the environment, and what only the stack knows.

    Args:
        stage: its name.
        template: which parameters there are.
        environment: where values may be that are in no file.
        deployed: the parameters that the stack has now; empty if there is none.
        folder: where the files are.

    Raises:
        DeploymentError: a value is missing, or is for a parameter that there is not.
    """
    declared = {each: about for each, about in template["Parameters"].items() if each not in _OURS}
    values = _read(folder / f"{stage}.json", stage, template)
    values |= {
        name.removeprefix(_OVERRIDES): value
        for name, value in environment.items()
        if name.startswith(_OVERRIDES)
    }
    for name in sorted(values.keys() - declared.keys()):
        raise DeploymentError(f"There is no parameter {name}; see docs/deployment.md.")
    _check_wrapping_key(stage, values, deployed)
    values["PublicURL"] = values.get("PublicURL") or _address(values, deployed)
    secret = {name for name, about in declared.items() if about.get("NoEcho")}
    kept = tuple(sorted((secret & deployed.keys()) - values.keys()))
    missing = sorted(
        name for name, about in declared.items() if "Default" not in about and name not in values
    )
    if missing:
        raise DeploymentError(f"infra/stages/{stage}.json lacks {', '.join(missing)}.")
    return Parameters({**values, "Stage": stage}, kept)


def _check_wrapping_key(stage: str, values: Mapping[str, str], deployed: Mapping[str, str]) -> None:
    wrapping = deployed.get(_WRAPPING_KEY)
    if wrapping and _WRAPPING_KEY not in values:
        raise DeploymentError(
            f"the stack's data keys are wrapped by {wrapping}, and infra/stages/{stage}.json "
            f"says nothing of it: the functions could open no secret any more. Put "
            f'"{_WRAPPING_KEY}" there with this key; or with "" once the data keys are moved '
            "to the stack's own."
        )


def _address(values: Mapping[str, str], deployed: Mapping[str, str]) -> str:
    """Where a stage is reached; without a domain, at what its first deployment made."""
    domain = values.get("DomainName")
    return f"https://{domain}" if domain else deployed.get("PublicURL", UNKNOWN_URL)


def _read(file: Path, stage: str, template: Template) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeploymentError(
            f"There is no infra/stages/{stage}.json. Copy one of those there, or write {{}} into "
            "it for a stage without a domain."
        ) from None
    except ValueError as exc:
        raise DeploymentError(f"infra/stages/{stage}.json is not JSON: {exc}") from None
    if not isinstance(found, dict):
        raise DeploymentError(f"infra/stages/{stage}.json must be an object.")
    if found.pop("Stage", stage) != stage:
        raise DeploymentError(f"infra/stages/{stage}.json is for another stage: see its Stage.")
    for name in found:
        if template["Parameters"].get(name, {}).get("NoEcho") and not _is_reference(found[name]):
            raise DeploymentError(
                f"{name} is a secret, and infra/stages/{stage}.json a file for everybody's eyes. "
                f"Set {_OVERRIDES}{name}, or refer to a secret with {{{{resolve:…}}}}."
            )
    return {name: _text(value) for name, value in found.items()}


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and (not value or value.startswith("{{resolve:"))


def _text(value: object) -> str:
    """As CloudFormation takes parameters: texts, and lists with commas."""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
