import importlib
import pkgutil

from pynamodb.attributes import BinaryAttribute

import chalicelib
from chalicelib.encryption.fields import SEALED_FIELDS
from chalicelib.storage import Item

NOT_SEALED = {
    ("DataKeyItem", "wrapped"),  # By KMS.
    ("IconItem", "image"),  # No secret.
    ("ApprovalsItem", "data"),  # No secret: what servers say of their tools, compressed.
}


def test_every_binary_attribute_that_is_stored_is_a_registered_sealed_field() -> None:
    """Rotation visits the registry: a field that it lacks would be lost with its key."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.endswith(".repository"):
            importlib.import_module(module.name)
    binary = {
        (item.__name__, name)
        for item in _all_items(Item)
        for name, attribute in item.get_attributes().items()
        if isinstance(attribute, BinaryAttribute)
    }
    sealed = {name for _, name in binary - NOT_SEALED}
    assert sealed == {field.name for field in SEALED_FIELDS if field.stored}


def _all_items(item: type[Item]) -> set[type[Item]]:
    return {item, *(below for child in item.__subclasses__() for below in _all_items(child))}
