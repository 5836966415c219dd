"""What may ship: licences, and what is known of vulnerabilities."""

from typing import Any

import pytest

from infra.audit import conclude, judge
from infra.licences import list_refused
from infra.local.environments import ROOT

PINNED = ["six==1.17.0", "pydantic_core==2.50.4"]


def report(**vulnerabilities: str) -> dict[str, Any]:
    """What pip-audit says of both."""
    ids = {"six": "", "pydantic-core": "", **vulnerabilities}
    return {
        "dependencies": [
            {
                "name": name,
                "version": "1.17.0" if name == "six" else "2.50.4",
                "vulns": [{"id": found}] if found else [],
            }
            for name, found in ids.items()
        ]
    }


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0 OR BSD-3-Clause", "(MIT AND PSF-2.0)"])
def test_a_licence_on_the_list_is_allowed(licence: str) -> None:
    assert list_refused([("something", licence)]) == []


@pytest.mark.parametrize(
    "licence", ["", "GPL-3.0-only", "MIT OR GPL-3.0-only", "Proprietary", "MPL-2.0", "mit"]
)
def test_an_unknown_licence_is_refused_by_name(licence: str) -> None:
    [refused] = list_refused([("something", licence)])
    assert refused == f"something: {licence or 'no licence'}"


def test_an_exception_is_for_one_distribution() -> None:
    assert list_refused([("certifi", "MPL-2.0")]) == []


def test_a_vulnerability_is_found_whichever_service_knows_it() -> None:
    known = report(six="PYSEC-2026-1")
    assert judge(PINNED, [report(), known]) == (["six==1.17.0: PYSEC-2026-1"], [])
    assert judge(PINNED, [known, None]) == (["six==1.17.0: PYSEC-2026-1"], [])


def test_what_was_skipped_everywhere_was_not_audited() -> None:
    """pip-audit ends well where the index does not answer, as if all were in order."""
    skipped = {"dependencies": [{"name": "six", "skip_reason": "Dependency not found on PyPI"}]}
    assert judge(PINNED, [skipped, None]) == ([], PINNED)
    assert judge(PINNED, [skipped, report()]) == ([], [])


def test_not_to_know_passes_only_where_no_audit_is_required(
    capsys: pytest.CaptureFixture[str],
) -> None:
    conclude([], ["a==1"], 2, is_required=False)
    assert "NOT AUDITED: 1 of 2" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="NOT AUDITED"):
        conclude([], ["a==1"], 2, is_required=True)
    with pytest.raises(SystemExit, match="GHSA-1"):
        conclude(["a==1: GHSA-1"], [], 2, is_required=False)
    conclude([], [], 2, is_required=True)


def test_every_environment_is_pinned_by_hashes() -> None:
    files = [*ROOT.glob("requirements*.txt"), *(ROOT / "infra" / "local").glob("req*.txt")]
    assert len(files) > 5
    for file in files:
        assert file.with_suffix(".in").is_file(), f"{file} is made by `make lock`"
        requirements = file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        pinned = [
            each for each in requirements if each.strip() and not each.lstrip().startswith("#")
        ]
        assert pinned
        assert all("==" in each and "--hash=sha256:" in each for each in pinned), file
