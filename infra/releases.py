"""The artifact bucket: every package that was deployed, under a name made of its content.

So an earlier package can be deployed again, with the template that belongs to it.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.cloudformation import DeploymentError, Template
from infra.template import ARCHIVE

TEMPLATE = "template.json"
SBOM = "ciborium.cdx.json"
_ID_LENGTH = 16
# Without the right to list a bucket one is told that all is forbidden that is not there.
_MISSING = frozenset({"NoSuchKey", "404", "AccessDenied"})


@dataclass(frozen=True)
class Package:
    """A zip and the template that goes with it."""

    archive: bytes
    template_text: bytes
    sbom: bytes = b""

    @cached_property
    def id(self) -> str:
        """The first 16 hex digits of the SHA-256 of both."""
        digest = hashlib.sha256(hashlib.sha256(self.archive).digest())
        digest.update(self.template_text)
        return digest.hexdigest()[:_ID_LENGTH]

    @property
    def template(self) -> Template:
        """The template; each time a new one, to be changed."""
        template: Template = json.loads(self.template_text)
        return template


def read_package(folder: Path) -> Package:
    """A package that `make package` has built.

    Raises:
        DeploymentError: there is none.
    """
    try:
        archive, template = ((folder / each).read_bytes() for each in (ARCHIVE, TEMPLATE))
    except OSError as exc:
        raise DeploymentError(
            f"There is no package in {folder}: {exc.filename} is missing."
        ) from None
    sbom = folder / SBOM
    return Package(archive, template, sbom.read_bytes() if sbom.is_file() else b"")


class Bucket:
    """The bucket that CloudFormation and Lambda read packages from.

    Args:
        s3: a botocore client.
        account: whose bucket it must be: its name can be guessed, and taken by somebody else.
        region: where it is, or shall be.
        name: if it is not called `ciborium-artifacts-<account>-<region>`.
        partition: of AWS; China and GovCloud have others.
    """

    def __init__(
        self, s3: Any, account: str, region: str, name: str = "", partition: str = "aws"
    ) -> None:
        self._s3 = s3
        self._account = account
        self._region = region
        self._partition = partition
        self.name = name or f"ciborium-artifacts-{account}-{region}"

    def exists(self) -> bool:
        """Whether it is there.

        Raises:
            DeploymentError: it is somebody else's, or may not be used.
        """
        try:
            self._s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self._account)
        except ClientError as exc:
            if exc.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise DeploymentError(
                f"The bucket {self.name} is not this account's, or you may not use it. "
                "Name another with ARTIFACT_BUCKET=…"
            ) from exc
        return True

    def create(self) -> None:
        """Make it: private, encrypted, by TLS only, and with what was overwritten kept."""
        where = {"LocationConstraint": self._region}
        outside = {} if self._region == "us-east-1" else {"CreateBucketConfiguration": where}
        self._s3.create_bucket(Bucket=self.name, **outside)
        mine = {"Bucket": self.name, "ExpectedBucketOwner": self._account}
        self._s3.put_public_access_block(
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
            **mine,
        )
        by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._s3.put_bucket_encryption(
            ServerSideEncryptionConfiguration={"Rules": [by_default]}, **mine
        )
        self._s3.put_bucket_versioning(VersioningConfiguration={"Status": "Enabled"}, **mine)
        self._s3.put_bucket_policy(Policy=json.dumps(_tls_only(self.name, self._partition)), **mine)

    def store(self, package: Package) -> None:
        """Keep a package under its id; one that is there and whole is not sent again.

        Somebody else may write to the bucket: what Lambda gets must be what was built here.
        """
        for name, content in (
            (ARCHIVE, package.archive),
            (SBOM, package.sbom),
            (TEMPLATE, package.template_text),  # Last: with it, the package is complete.
        ):
            key = f"packages/{package.id}/{name}"
            if content and self._find(key) != content:
                self._put(key, content)

    def load(self, package_id: str) -> Package:
        """A package that was deployed before.

        Raises:
            DeploymentError: there is none with this id.
        """
        try:
            archive, template = (
                self._get(f"packages/{package_id}/{each}") for each in (ARCHIVE, TEMPLATE)
            )
        except ClientError as exc:
            raise DeploymentError(
                f"There is no package {package_id} in {self.name}: {exc.response['Error']['Code']}."
            ) from exc
        found = Package(archive, template)
        if found.id != package_id:
            raise DeploymentError(f"The package {package_id} in {self.name} was tampered with.")
        return found

    def list_packages(self) -> list[tuple[str, str]]:
        """The ids of all packages and when each was stored, the newest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix="packages/", ExpectedBucketOwner=self._account
        )
        found = [each for page in pages for each in page.get("Contents", ())]
        complete = [each for each in found if each["Key"].endswith(f"/{TEMPLATE}")]
        complete.sort(key=lambda each: each["LastModified"], reverse=True)
        return [
            (each["Key"].split("/")[1], f"{each['LastModified']:%Y-%m-%d %H:%M}")
            for each in complete
        ]

    def archive_of(self, package_id: str) -> str:
        """Where Lambda finds a package's zip."""
        return f"s3://{self.name}/packages/{package_id}/{ARCHIVE}"

    def put_template(self, stage: str, template: Template) -> str:
        """Store the template of one deployment, which is too large to be sent; its URL."""
        text = json.dumps(template, sort_keys=True).encode()
        key = f"templates/{stage}/{hashlib.sha256(text).hexdigest()}.json"
        self._put(key, text)
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"

    def _find(self, key: str) -> bytes | None:
        try:
            return self._get(key)
        except ClientError as exc:
            if exc.response["Error"]["Code"] in _MISSING:
                return None
            raise

    def _put(self, key: str, content: bytes) -> None:
        self._s3.put_object(
            Bucket=self.name, Key=key, Body=content, ExpectedBucketOwner=self._account
        )

    def _get(self, key: str) -> bytes:
        found = self._s3.get_object(Bucket=self.name, Key=key, ExpectedBucketOwner=self._account)
        content: bytes = found["Body"].read()
        return content


def _tls_only(bucket: str, partition: str) -> Template:
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyByTLS",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
