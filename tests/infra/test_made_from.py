"""A package is built again whenever something that goes into it has changed, or it has itself."""

import shutil
from pathlib import Path

import pytest

from infra.local.environments import ROOT
from infra.made_from import digest_of_input, is_current, mark

ARCHITECTURE = "x86_64"
FILES = ("app.py", "requirements.txt", "requirements-dev.txt")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree of its own."""
    folder = tmp_path / "tree"
    for each in ("chalicelib", ".chalice", "infra"):
        ignore = shutil.ignore_patterns("__pycache__", "deployments")
        shutil.copytree(ROOT / each, folder / each, ignore=ignore)
    for each in FILES:
        shutil.copy(ROOT / each, folder)
    return folder


@pytest.fixture
def built(tree: Path, tmp_path: Path) -> Path:
    """A folder with a package, marked with what it was made of."""
    folder = tmp_path / "built"
    folder.mkdir()
    for each in ("ciborium.zip", "template.json", "ciborium.cdx.json"):
        (folder / each).write_text(each, encoding="utf-8")
    mark(folder, digest_of_input(ARCHITECTURE, tree))
    return folder


def test_the_package_of_an_unchanged_tree_is_current_wherever_that_is(
    tree: Path, built: Path
) -> None:
    (tree / "chalicelib" / "__pycache__").mkdir()
    (tree / "chalicelib" / "__pycache__" / "new.pyc").touch()
    assert is_current(built, digest_of_input(ARCHITECTURE, tree.rename(tree.parent / "moved")))


def test_that_of_another_architecture_is_not(tree: Path, built: Path) -> None:
    assert not is_current(built, digest_of_input("arm64", tree))


@pytest.mark.parametrize(
    "changed",
    [
        *FILES,
        "chalicelib/sdk/cli/__init__.py",
        "chalicelib/new.py",
        ".chalice/config.json",
        "infra/data.yaml",
        "infra/archive.py",
        "infra/local/requirements-supply.txt",
    ],
)
def test_nor_that_of_a_tree_in_which_a_file_has_changed(
    tree: Path, built: Path, changed: str
) -> None:
    with (tree / changed).open("a", encoding="utf-8") as file:
        file.write("#")
    assert not is_current(built, digest_of_input(ARCHITECTURE, tree))


def test_nor_one_that_was_renamed_in(tree: Path, built: Path) -> None:
    (tree / "chalicelib" / "errors.py").rename(tree / "chalicelib" / "mistakes.py")
    assert not is_current(built, digest_of_input(ARCHITECTURE, tree))


@pytest.mark.parametrize("name", ["ciborium.zip", "template.json", "ciborium.cdx.json"])
def test_nor_one_that_has_changed_itself_or_was_never_finished(
    tree: Path, built: Path, name: str
) -> None:
    digest = digest_of_input(ARCHITECTURE, tree)
    (built / name).write_text("other", encoding="utf-8")
    assert not is_current(built, digest)
    (built / name).unlink()
    assert not is_current(built, digest)
    (built / "made-from").unlink()
    assert not is_current(built, digest)
