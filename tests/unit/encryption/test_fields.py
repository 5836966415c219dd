import importlib
import pkgutil
from typing import Any

import pytest
from pynamodb.attributes import BinaryAttribute

import chalicelib
from chalicelib.bootstrap import Services
from chalicelib.bootstrap.parts import part
from chalicelib.config import Settings
from chalicelib.encryption.fields import SEALED_FIELDS
from chalicelib.storage import Database, Item
from tests.support import aws

NOT_SEALED = {
    ("DataKeyItem", "wrapped"),  # By KMS.
    ("IconItem", "image"),  # No secret.
    ("ApprovalsItem", "data"),  # No secret: what servers say of their tools, compressed.
}


class WatchedDatabase(Database):
    """Notes which kind of item is bound to which table."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.bound: dict[str, set[str]] = {}

    def bind(self, item: type[Any], table: str) -> type[Any]:
        self.bound.setdefault(item.__name__, set()).add(table)
        return super().bind(item, table)


@pytest.mark.usefixtures("local_aws")
def test_every_binary_attribute_that_is_stored_is_a_registered_field_of_its_table() -> None:
    """Re-sealing visits the registry: a field that it lacks would be lost with its key."""
    bound = tables_of_items()
    sealed = {
        (table, attribute)
        for item, attribute in binary_attributes() - NOT_SEALED
        for table in bound[item]
    }
    assert sealed == {(each.table, each.name) for each in SEALED_FIELDS if each.stored}


def test_what_clients_carry_is_no_table_s() -> None:
    carried = {each.table for each in SEALED_FIELDS if not each.stored}
    assert carried == {"cookies", "cursors"}


def binary_attributes() -> set[tuple[str, str]]:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.endswith((".repository", ".items")):
            importlib.import_module(module.name)
    return {
        (item.__name__, name)
        for item in _all_items(Item)
        for name, attribute in item.get_attributes().items()
        if isinstance(attribute, BinaryAttribute)
    }


def tables_of_items() -> dict[str, set[str]]:
    """Build every part of the product, and see what binds where."""
    settings = Settings.from_environment(
        {"CIBORIUM_STAGE": aws.STAGE, "CIBORIUM_PUBLIC_URL": "https://ciborium.example"}
    )
    database = WatchedDatabase(settings.table_name, aws.REGION)
    services = Services(settings, database=database)
    for kind in Services.__mro__:
        for name, value in vars(kind).items():
            if isinstance(value, part):
                getattr(services, name)
    return database.bound


def _all_items(item: type[Item]) -> set[type[Item]]:
    return {item, *(below for child in item.__subclasses__() for below in _all_items(child))}
