"""Ways to seal secrets under KMS: ours, the AWS Encryption SDK's, Tink's.

Runs in the environment `bench`, which has them all. A contestant is one container: it begins with
nothing in memory, and is told for which organisation it seals.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import aws_encryption_sdk as sdk
import boto3
import botocore.session
import tink
from aws_cryptographic_material_providers.keystore import KeyStore
from aws_cryptographic_material_providers.keystore.config import KeyStoreConfig
from aws_cryptographic_material_providers.keystore.models import (
    CreateKeyInput,
    CreateKeyStoreInput,
    KMSConfigurationKmsKeyArn,
)
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CacheTypeDefault,
    CreateAwsKmsHierarchicalKeyringInput,
    CreateAwsKmsKeyringInput,
    DefaultCache,
)
from aws_encryption_sdk.identifiers import Algorithm
from tink import aead
from tink.integration import awskms

from chalicelib.encryption import Place, Vault, organization_scope
from chalicelib.encryption.fields import CONNECTION_ACCESS_TOKEN
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.encryption.service import CAPACITY
from chalicelib.storage import Database
from tests.bench.answers import Answers
from tests.support import aws

UNSIGNED = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
SIGNED = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
_HOUR = 3600
_ENTRIES = CAPACITY  # As many as our vault remembers.
_TEMPLATE = aead.aead_key_templates.AES256_GCM


class Contestant(Protocol):
    """One container's way to seal and open."""

    def seal(self, secret: bytes, organization: str) -> bytes: ...

    def open(self, sealed: bytes, organization: str) -> bytes: ...


class Cloud:
    """The KMS key and the tables, and how often they were asked."""

    def __init__(self) -> None:
        self.answers, self.calls = Answers(), Counter[str]()
        self.session = botocore.session.get_session()
        for service in ("kms", "dynamodb"):
            self.watch(self.session, service)
        of_boto = boto3.session.Session(botocore_session=self.session)
        self.kms, self.dynamodb = of_boto.client("kms"), of_boto.client("dynamodb")
        self.key = str(self.kms.create_key()["KeyMetadata"]["Arn"])
        self.branches = _branch_keys(self)
        self.branch_key_ids: dict[str, str] = {}

    def watch(self, events: Any, service: str) -> None:
        """Count what is asked, and keep the answers."""
        events.register(f"before-send.{service}", self._count)
        self.answers.watch(events, service)

    def _count(self, event_name: str, **_: Any) -> None:
        self.calls[event_name.split(".")[1]] += 1


class Ours:
    """`chalicelib.encryption.Vault`: one data key for each organisation, remembered."""

    def __init__(self, cloud: Cloud) -> None:
        database = Database(f"ciborium-{aws.STAGE}-{{}}".format, aws.REGION)
        cloud.watch(database.connection.client.meta.events, "dynamodb")
        kms = KMSKeyring(lambda: cloud.kms, cloud.key, aws.STAGE)
        self._vault = Vault(DataKeyRepository(database), kms, lambda: datetime.now(UTC))

    def seal(self, secret: bytes, organization: str) -> bytes:
        return self._vault.seal_bytes(secret, _PLACE, organization_scope(organization))

    def open(self, sealed: bytes, organization: str) -> bytes:
        return self._vault.open_bytes(sealed, _PLACE)


class EncryptionSDK:
    """The AWS Encryption SDK; `material` says where its data keys come from."""

    def __init__(self, algorithm: Algorithm, **material: Any) -> None:
        policy = sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
        self._client = sdk.EncryptionSDKClient(commitment_policy=policy)
        self._algorithm, self._material = algorithm, material

    def seal(self, secret: bytes, organization: str) -> bytes:
        sealed, _ = self._client.encrypt(
            source=secret,
            algorithm=self._algorithm,
            encryption_context=_context(organization),
            **self._material,
        )
        return bytes(sealed)

    def open(self, sealed: bytes, organization: str) -> bytes:
        secret, header = self._client.decrypt(source=sealed, **self._material)
        if not _context(organization).items() <= header.encryption_context.items():
            raise ValueError("sealed for another organisation or place")
        return bytes(secret)


def with_kms_keyring(cloud: Cloud) -> EncryptionSDK:
    """A data key for each value: KMS is called each time."""
    wanted = CreateAwsKmsKeyringInput(kms_key_id=cloud.key, kms_client=cloud.kms)
    return EncryptionSDK(
        UNSIGNED, keyring=_material_providers().create_aws_kms_keyring(input=wanted)
    )


def with_cache(cloud: Cloud, algorithm: Algorithm = UNSIGNED) -> EncryptionSDK:
    """Its caching materials manager, which works with master key providers only."""
    provider = sdk.StrictAwsKmsMasterKeyProvider(
        key_ids=[cloud.key], botocore_session=cloud.session
    )
    manager = sdk.CachingCryptoMaterialsManager(
        master_key_provider=provider,
        cache=sdk.LocalCryptoMaterialsCache(_ENTRIES),
        max_age=float(_HOUR),
    )
    return EncryptionSDK(algorithm, materials_manager=manager)


def with_cache_and_signature(cloud: Cloud) -> EncryptionSDK:
    """The same with the algorithm that is its default: each message is signed, too."""
    return with_cache(cloud, SIGNED)


class Hierarchical:
    """The AWS Encryption SDK with its hierarchical keyring: a branch key for each organisation."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._cache = CacheTypeDefault(DefaultCache(entry_capacity=_ENTRIES))
        self._of: dict[str, EncryptionSDK] = {}

    def seal(self, secret: bytes, organization: str) -> bytes:
        return self._for(organization).seal(secret, organization)

    def open(self, sealed: bytes, organization: str) -> bytes:
        return self._for(organization).open(sealed, organization)

    def _for(self, organization: str) -> EncryptionSDK:
        if organization not in self._of:
            wanted = CreateAwsKmsHierarchicalKeyringInput(
                key_store=self._cloud.branches,
                branch_key_id=_branch_key(self._cloud, organization),
                ttl_seconds=_HOUR,
                cache=self._cache,
            )
            keyring = _material_providers().create_aws_kms_hierarchical_keyring(input=wanted)
            self._of[organization] = EncryptionSDK(UNSIGNED, keyring=keyring)
        return self._of[organization]


class TinkEnvelope:
    """Tink's envelope encryption: a data key for each value, KMS is called each time."""

    def __init__(self, cloud: Cloud) -> None:
        self._aead = aead.KmsEnvelopeAead(_TEMPLATE, _tink_kms(cloud))

    def seal(self, secret: bytes, organization: str) -> bytes:
        return bytes(self._aead.encrypt(secret, _associated(organization)))

    def open(self, sealed: bytes, organization: str) -> bytes:
        return bytes(self._aead.decrypt(sealed, _associated(organization)))


class TinkKeyset(TinkEnvelope):
    """One Tink keyset for everybody, kept wrapped by KMS and unwrapped once by each container."""

    _wrapped: str = ""

    def __init__(self, cloud: Cloud) -> None:
        kms = _tink_kms(cloud)
        if not TinkKeyset._wrapped:
            made = tink.new_keyset_handle(_TEMPLATE)
            TinkKeyset._wrapped = tink.json_proto_keyset_format.serialize_encrypted(made, kms, b"")
        handle = tink.json_proto_keyset_format.parse_encrypted(TinkKeyset._wrapped, kms, b"")
        self._aead = handle.primitive(aead.Aead)


CONTESTANTS: dict[str, Callable[[Cloud], Contestant]] = {
    "Ciborium": Ours,
    "AWS Encryption SDK, KMS keyring": with_kms_keyring,
    "AWS Encryption SDK, caching": with_cache,
    "AWS Encryption SDK, caching, signed": with_cache_and_signature,
    "AWS Encryption SDK, hierarchical keyring": Hierarchical,
    "Tink, KMS envelope": TinkEnvelope,
    "Tink, one keyset for all": TinkKeyset,
}
_PLACE = Place(CONNECTION_ACCESS_TOKEN, str(uuid.UUID(int=1)), str(uuid.UUID(int=2)))


def _context(organization: str) -> dict[str, str]:
    return {"organization": organization, "place": _PLACE.encode().hex()}


def _associated(organization: str) -> bytes:
    return organization.encode() + _PLACE.encode()


def _tink_kms(cloud: Cloud) -> Any:
    aead.register()
    uri = f"aws-kms://{cloud.key}"
    return awskms.new_client(boto3_client=cloud.kms, key_uri=uri).get_aead(uri)


@cache
def _material_providers() -> Any:
    return AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


def _branch_keys(cloud: Cloud) -> Any:
    """The key store of the hierarchical keyring, in a table of its own."""
    configured = KeyStoreConfig(
        ddb_client=cloud.dynamodb,
        ddb_table_name="branch-keys",
        logical_key_store_name="branch-keys",
        kms_client=cloud.kms,
        kms_configuration=KMSConfigurationKmsKeyArn(cloud.key),
    )
    store = KeyStore(config=configured)
    store.create_key_store(input=CreateKeyStoreInput())
    return store


def _branch_key(cloud: Cloud, organization: str) -> str:
    """The name of an organisation's branch key, which is made if there is none."""
    if organization not in cloud.branch_key_ids:
        wanted = CreateKeyInput(
            branch_key_identifier=organization, encryption_context={"organization": organization}
        )
        made = cloud.branches.create_key(input=wanted)
        cloud.branch_key_ids[organization] = made.branch_key_identifier
    return cloud.branch_key_ids[organization]
