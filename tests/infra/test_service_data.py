"""What ships of botocore's data leads to the same clients as the whole."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import Session

from infra.service_data import SERVICES, is_needed, shorten

_WHOLE = Path(botocore.__file__).parent / "data"
_REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]


@pytest.fixture(scope="module")
def shortened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what ships."""
    folder = tmp_path_factory.mktemp("task")
    data = folder / "botocore" / "data"
    for each in sorted(_WHOLE.rglob("*")):
        name = f"botocore/data/{each.relative_to(_WHOLE).as_posix()}"
        if each.is_file() and is_needed(name):
            target = data / each.relative_to(_WHOLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(each, target)
    shorten(folder)
    return data


def client_of(service: str, region: str, data: Path) -> Any:
    session = Session()
    loader = Loader(include_default_search_paths=False)
    loader.search_paths.append(str(data))
    session.register_component("data_loader", loader)
    return session.create_client(
        service, region, aws_access_key_id="none", aws_secret_access_key="none"
    )


@pytest.mark.parametrize("region", _REGIONS)
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_client_finds_the_same_endpoint_and_operations(
    service: str, region: str, shortened: Path
) -> None:
    ours, whole = (client_of(service, region, data) for data in (shortened, _WHOLE))
    assert ours.meta.endpoint_url == whole.meta.endpoint_url
    assert ours.meta.region_name == whole.meta.region_name
    signing = [each._request_signer for each in (ours, whole)]
    assert signing[0].signing_name == signing[1].signing_name
    assert signing[0].region_name == signing[1].region_name
    names = whole.meta.service_model.operation_names
    assert ours.meta.service_model.operation_names == names
    for name in names:
        models = [each.meta.service_model.operation_model(name) for each in (ours, whole)]
        for shape in ("input_shape", "output_shape"):
            described = [getattr(each, shape) for each in models]
            assert list(getattr(described[0], "members", ())) == list(
                getattr(described[1], "members", ())
            )


def test_the_endpoint_list_is_a_tenth_of_the_whole(shortened: Path) -> None:
    ours, whole = ((data / "endpoints.json").stat().st_size for data in (shortened, _WHOLE))
    assert ours * 10 < whole


def test_a_member_that_is_called_documentation_stays(tmp_path: Path) -> None:
    folder = tmp_path / "botocore" / "data" / "some" / "2026-11-29"
    folder.mkdir(parents=True)
    members = {"documentation": {"shape": "Text", "documentation": "Long."}}
    model = {"shapes": {"Page": {"type": "structure", "members": members}}}
    (folder / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
    shorten(tmp_path)
    written = json.loads((folder / "service-2.json").read_text(encoding="utf-8"))
    assert written["shapes"]["Page"]["members"] == {"documentation": {"shape": "Text"}}
    assert not (folder / "service-2.json.gz").exists()
