"""The bucket of packages: what is deployed from it is what was built."""

from typing import Any

import botocore.session
import pytest

from infra.releases import Bucket, Package
from infra.template import ARCHIVE

BUILT = Package(b"the zip", b"{}", b"the bill of materials")


@pytest.fixture
def bucket(local_aws: None) -> Bucket:
    s3: Any = botocore.session.get_session().create_client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="packages")
    return Bucket(s3, "123456789012", "us-east-1", "packages")


def versions(bucket: Bucket) -> list[bytes]:
    return [bucket.load(BUILT.id).archive, bucket.load(BUILT.id).template_text]


def test_a_package_is_found_again_by_its_id(bucket: Bucket) -> None:
    for _ in range(2):
        bucket.store(BUILT)
        assert versions(bucket) == [BUILT.archive, BUILT.template_text]
    assert [package_id for package_id, _ in bucket.list_packages()] == [BUILT.id]


def test_what_somebody_has_put_in_its_place_is_not_deployed(bucket: Bucket) -> None:
    s3: Any = botocore.session.get_session().create_client("s3", region_name="us-east-1")
    key = f"packages/{BUILT.id}/{ARCHIVE}"
    s3.put_object(Bucket="packages", Key=key, Body=b"another zip")
    bucket.store(BUILT)
    assert s3.get_object(Bucket="packages", Key=key)["Body"].read() == BUILT.archive
