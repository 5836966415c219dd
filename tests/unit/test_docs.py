"""The documents say what the code does, where a test can tell."""

import re
from collections.abc import Iterable
from pathlib import Path

from chalicelib.config import SETTINGS
from chalicelib.version import VERSION
from infra.api_reference import render

ROOT = Path(__file__).parents[2]
LOCAL_ONLY = {
    "CIBORIUM_PORT",
    "CIBORIUM_ADMIN_TOKEN",
    "CIBORIUM_STATE_DIR",
    "CIBORIUM_DEMO_PORT",
    "CIBORIUM_MODEL_PORT",
    "CIBORIUM_LEASE_SECONDS",
    "CIBORIUM_REAPER_SECONDS",
    "CIBORIUM_REDELIVERY_SECONDS",
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_is_documented_and_no_other() -> None:
    documented = set(
        re.findall(r"^\| `(CIBORIUM_\w+)`", read("docs/configuration.md"), re.MULTILINE)
    )
    assert documented == SETTINGS.keys() | LOCAL_ONLY


def test_every_variable_that_the_code_reads_is_documented() -> None:
    sources = {*(ROOT / "chalicelib").rglob("*.py"), *(ROOT / "infra").rglob("*.py")}
    clients = set((ROOT / "chalicelib/sdk").rglob("*.py"))
    assert variables_in(sources - clients) == SETTINGS.keys() | LOCAL_ONLY
    documented = set(re.findall(r"`(CIBORIUM_\w+)`", read("docs/cli.md")))
    assert variables_in(clients) == documented


def variables_in(sources: Iterable[Path]) -> set[str]:
    return {
        name
        for source in sources
        for name in re.findall(r'"(CIBORIUM_[A-Z_]+)"', source.read_text(encoding="utf-8"))
    }


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_make_command_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = document.read_text(encoding="utf-8")
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets, document.name


def test_the_api_s_page_is_current() -> None:
    assert read("docs/api.md") == render(), "run `make api-docs`"


def test_the_project_and_the_product_agree_on_the_version() -> None:
    assert f'version = "{VERSION}"' in read("pyproject.toml")
