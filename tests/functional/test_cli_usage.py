"""Usage and its limits, with the SDK and the command."""

from datetime import date
from pathlib import Path

import pytest

from chalicelib.sdk import UsageLimitError
from chalicelib.sdk.requests.chat_usage import UpdateChatUsageLimitRequest
from chalicelib.sdk.requests.chats import CreateChatRequest
from chalicelib.sdk.requests.chats import TextPart as InputText
from tests.functional.test_chat_usage import allow, spend
from tests.support.chats import offer_model
from tests.support.cli import Terminal, terminal_of
from tests.support.journey import World
from tests.support.people import Person, default_organization, join, new_person
from tests.support.sdk import sdk_client


@pytest.fixture
def mara(world: World) -> Person:
    """A member of the default organisation."""
    person = new_person(world.deployment)
    join(world.deployment, default_organization(world.deployment), person)
    return person


def test_people_see_what_they_have_used_and_may_spend(
    world: World, tmp_path: Path, mara: Person
) -> None:
    model_id = offer_model(world.deployment, display_name="Small")
    own = terminal_of(world.deployment, tmp_path, mara.token)
    empty = own.ok("usage")
    assert empty.out == "None.\n"
    assert empty.err.startswith("You have spent $0 this month, ")
    spend(mara, 1_250_000, model=model_id, input_tokens=1234)
    allow(world.deployment, 20_000_000)
    shown = own.ok("usage")
    assert shown.err == (
        "You have spent $1.25 of $20 this month, which ends at 2026-12-01 00:00 UTC.\n"
    )
    assert "Small" in shown.out
    assert "1234" in shown.out
    found = own.ok("usage", "--json").json
    assert found["status"]["limit_micros"] == 20_000_000
    assert found["summary"]["total"]["cost_micros"] == 1_250_000
    past = own.ok("usage", "--from", "2026-09", "--to", "2026-10", "--json").json
    assert past["summary"]["total"]["cost_micros"] == 0
    refused = own.run("usage", "--all")
    assert refused.code == 1


def test_owners_limit_what_may_be_spent(terminal: Terminal, mara: Person) -> None:
    limits = ("usage", "limits")
    assert terminal.ok(*limits, "set", "50").out == "Everybody may spend $50 a month.\n"
    said = terminal.ok(*limits, "override", "--user", "mara", "any").out
    assert said == "mara may spend any amount.\n"
    said = terminal.ok(*limits, "override", "--group", "everyone", "0.5").out
    assert said == "Each member of everyone may spend $0.5 a month.\n"
    table = terminal.ok(*limits, "show").out
    assert all(word in table for word in ("everybody", "50", "mara", "any", "0.5"))
    spend(mara, 7)
    found = terminal.ok("usage", "--all", "--json").json
    assert [(each["username"], each["cost_micros"]) for each in found] == [
        ("admin", 0),
        ("mara", 7),
    ]
    assert "0.000007" in terminal.ok("usage", "--all").out
    assert terminal.ok("usage", "--user", "mara", "--json").json["total"]["cost_micros"] == 7
    terminal.ok(*limits, "override", "--user", "mara", "--remove")
    terminal.ok(*limits, "override", "--group", "everyone", "--remove")
    assert terminal.ok(*limits, "set", "any").out == "Everybody may spend any amount.\n"
    kept = terminal.ok(*limits, "show", "--json").json
    assert kept == {"overrides": [], "group_overrides": []}


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", "--all", "--user", "mara"),
        ("usage", "limits", "set", "much"),
        ("usage", "limits", "override", "5"),
        ("usage", "limits", "override", "5", "--user", "mara", "--group", "everyone"),
        ("usage", "limits", "override", "5", "--user", "mara", "--remove"),
        ("usage", "limits", "override", "--user", "mara"),
    ],
)
def test_what_makes_no_sense_is_refused(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    assert terminal.run(*arguments).code == 2


def test_programs_learn_until_when_nothing_may_be_spent(world: World, mara: Person) -> None:
    offer_model(world.deployment)
    spend(mara, 5)
    request = UpdateChatUsageLimitRequest(spend_limit_micros=5)
    with sdk_client(world.deployment) as admin:
        before = admin.experimental.get_chat_usage_limit_config()
        admin.experimental.update_chat_usage_limit_config(request, etag=before.etag)
        group = default_organization(world.deployment)
        admin.experimental.upsert_chat_usage_limit_group_override(group, request)
        found = list(admin.experimental.iter_chat_cost_users(page_size=1))
    assert [each.cost_micros for each in found] == [0, 5]
    with sdk_client(world.deployment, mara.token) as client:
        with pytest.raises(UsageLimitError) as refused:
            client.experimental.create_chat(
                CreateChatRequest(
                    organization_id=group, content=[InputText(type="text", text="Hello")]
                )
            )
        status = client.experimental.get_my_chat_usage_limit_status()
        past = client.experimental.get_chat_cost_summary(
            start_date=date(2026, 1, 1), end_date=date(2026, 11, 1)
        )
    assert (refused.value.spent_micros, refused.value.limit_micros) == (5, 5)
    assert refused.value.resets_at == status.resets_at
    assert (past.first_month, past.total.cost_micros) == ("2026-01", 5)
