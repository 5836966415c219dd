"""How long the first answer of a fresh process takes, and how much of that is ours.

`measure` packages three functions and starts each many times in turn, under Lambda's own runtime
client: absolute times are this machine's, ratios within the run are the finding.
"""

import re
import shutil
import statistics
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.config import Settings
from infra import package
from infra.archive import write_archive
from infra.cloudformation import deploy, load_template
from infra.distributions import install
from infra.local.aws import LocalAWS
from infra.local.environments import ensure
from infra.operator.first_admin import ensure_first_admin
from tests.bench.report import Cell, Section, Table, Target
from tests.support.runtime_api import ColdStart, start_cold

_RUNS = 15
_HELLO = Path(__file__).with_name("hello")
_STAGE = "local"
_TOKEN = "admin-token-for-the-benchmark-0123456789"
_BOTOCORE = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")
_MOST_RATIO_TO_HELLO = 1.3
_MOST_RATIO_TO_PLAIN = 0.5
_MOST_ZIP_MB = 20
# What is promised, the limit, and the two cases whose medians are compared.
_RATIOS = (
    (
        "first answer (buildinfo) / hello's",
        _MOST_RATIO_TO_HELLO,
        "Ciborium, buildinfo",
        "hello",
    ),
    (
        "first answer (users/me) / hello's that reads an item",
        _MOST_RATIO_TO_HELLO,
        "Ciborium, users/me",
        "hello, reading an item",
    ),
    (
        "first answer (users/me) / the plain package's",
        _MOST_RATIO_TO_PLAIN,
        "Ciborium, users/me",
        "plain, users/me",
    ),
)
_NOTHING = "def app(event, context):\n    return {'statusCode': 200}\n"
_COLUMNS = [
    "function",
    "imported, ms",
    "answered, ms",
    "both, ms",
    "hello = 1",
    "CPU, ms",
    "RSS, MB",
    "zip, MB",
]
_TEXT = """\
Four functions, each unpacked and started {runs} times in turn under `awslambdaric`, Lambda's
runtime client, in an interpreter that sees nothing else and may write no bytecode; medians. Time
runs from the start of the process to the first answer.

- **Nothing** is a handler that answers at once and imports nothing: what Python and Lambda's client
  take, whatever is packaged;
- **Hello** is a Chalice app whose only work is making a botocore DynamoDB client when it is
  imported, packaged as ours is: pruned, its botocore data shortened, compiled;
- **Ciborium** is what `make package` makes;
- **plain** is the same app as `chalice package` makes it, neither pruned nor compiled.

`buildinfo` is `GET /api/v2/buildinfo`, which needs no table. `users/me` is `GET /api/v2/users/me`
with a token: it asks DynamoDB (the local AWS) for the credential, the account and the memberships,
and is compared with a hello that reads one item. *Imported* is the time until the process asked for
its first event, *answered* what the first request took from then on: a route's code is loaded with
the first request for it. *CPU* is what of both was spent computing.

The target against the plain package is for `users/me`. Two fifths of what `buildinfo` takes are
nothing's, which no packaging can shorten; of the rest, ours is about half of the plain package's.

Where the rest of `users/me` goes, beyond what hello imports as well, was looked at by hand on
2026-11-29 (`-X importtime`): two thirds are our own packages on the way (identity, organisations,
audit, the edge), a quarter PynamoDB; then there are three requests to DynamoDB where that hello
makes one. `docs/decisions/0025-what-a-cold-start-does-without.md` says what is not there.
`tests/unit/test_cold_start.py` and `tests/functional/test_first_requests.py` keep it out."""


@dataclass(frozen=True)
class Function:
    """A packaged function: where it is unpacked, and how large its zip is."""

    task: Path
    zip_bytes: int


@dataclass(frozen=True)
class Case:
    """A function and the request that it is started for."""

    name: str
    function: Function
    event: Mapping[str, Any]


def measure(runs: int = _RUNS) -> Section:
    """Package, start, compare."""
    ensure("lambda")
    with tempfile.TemporaryDirectory() as name, _database(Path(name)) as environment:
        cases = _cases(Path(name))
        found: dict[str, list[ColdStart]] = {case.name: [] for case in cases}
        for _ in range(runs):
            for case in cases:
                started = start_cold(case.function.task, "app.app", case.event, environment)
                if started.answer["statusCode"] != 200:
                    raise RuntimeError(f"{case.name} answered {started.answer}")
                found[case.name].append(started)
    return _report(cases, found, runs)


def _cases(folder: Path) -> list[Case]:
    hello, ours, plain = _package_hello(folder), _package_ours(folder), _package_plain(folder)
    build_info = _event("/api/v2/buildinfo")
    me = _event("/api/v2/users/{user_id}", user_id="me")
    return [
        Case("nothing", _make_nothing(folder), {}),
        Case("hello", hello, _event("/")),
        Case("hello, reading an item", hello, _event("/item")),
        Case("Ciborium, buildinfo", ours, build_info),
        Case("Ciborium, users/me", ours, me),
        Case("plain, buildinfo", plain, build_info),
        Case("plain, users/me", plain, me),
    ]


def _report(cases: list[Case], found: dict[str, list[ColdStart]], runs: int) -> Section:
    median = {
        name: statistics.median(each.seconds for each in starts) for name, starts in found.items()
    }
    rows = [_row(each, found[each.name], median[each.name] / median["hello"]) for each in cases]
    table = Table("From the start of the process to the first answer", _COLUMNS, rows)
    targets = [
        Target(what, limit, median[ours] / median[others]) for what, limit, ours, others in _RATIOS
    ]
    ours = next(each.function for each in cases if each.name == _RATIOS[0][2])
    targets.append(Target("zip, MB", _MOST_ZIP_MB, ours.zip_bytes / 1e6))
    text = _TEXT.format(runs=runs)
    return Section("cold_start", "Cold start", text, [table], targets=targets)


def _row(case: Case, starts: list[ColdStart], ratio: float) -> list[Cell]:
    return [
        case.name,
        _median_ms([each.ready_seconds for each in starts]),
        _median_ms([each.answer_seconds for each in starts]),
        _median_ms([each.seconds for each in starts]),
        ratio,
        _median_ms([each.processor_seconds for each in starts]),
        statistics.median(each.resident_bytes for each in starts) / 1e6,
        case.function.zip_bytes / 1e6,
    ]


def _median_ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _make_nothing(folder: Path) -> Function:
    task = folder / "nothing"
    task.mkdir()
    (task / "app.py").write_text(_NOTHING, encoding="utf-8")
    return Function(task, 0)


def _package_ours(folder: Path) -> Function:
    target = folder / "ours.zip"
    package.build_archive(package.ROOT, target)
    return _unpack(target)


def _package_plain(folder: Path) -> Function:
    """By Chalice alone, as anybody would."""
    project = package.copy_project(package.ROOT, folder / "plain")
    built = package.run_chalice(project, folder / "plain-out", {})
    return _unpack(built / "deployment.zip")


def _package_hello(folder: Path) -> Function:
    """With the same botocore as ours, and the same treatment."""
    project = folder / "hello"
    shutil.copytree(_HELLO, project)
    pinned = (package.ROOT / "requirements.txt").read_text(encoding="utf-8")
    wanted = [each for each in _requirements(pinned) if each.partition("==")[0] in _BOTOCORE]
    requirements = folder / "hello-requirements.txt"
    requirements.write_text("\n".join(wanted), encoding="utf-8")
    install(requirements, project / "vendor")
    (project / "requirements.txt").touch()
    built = package.run_chalice(project, folder / "hello-out", {})
    target = folder / "hello.zip"
    write_archive(built / "deployment.zip", target, folder / "hello-task")
    return _unpack(target)


def _requirements(pinned: str) -> list[str]:
    """Each requirement of a file with hashes, on one line."""
    joined = re.sub(r"\\\n", " ", pinned)
    return [line for line in joined.splitlines() if "==" in line]


def _unpack(archive: Path) -> Function:
    task = archive.parent / f"{archive.stem}-unpacked"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(task)
    return Function(task, archive.stat().st_size)


@contextmanager
def _database(folder: Path) -> Iterator[dict[str, str]]:
    """A local AWS with our tables and the first admin; what leads the functions there."""
    aws = LocalAWS(folder)
    aws.start()
    try:
        data = load_template("data.yaml")
        parameters = {"Stage": _STAGE, "DeletionProtection": "false"}
        deploy(aws.client("cloudformation"), "measured", data, parameters)
        settings = {"CIBORIUM_STAGE": _STAGE, "CIBORIUM_PUBLIC_URL": "https://ciborium.example"}
        where = {"AWS_ENDPOINT_URL": aws.endpoint}
        _make_admin(aws, settings)
        yield {**settings, **where}
    finally:
        aws.stop()


def _make_admin(aws: LocalAWS, settings: dict[str, str]) -> None:
    import os

    before = dict(os.environ)
    os.environ.update(aws.environment())
    try:
        ensure_first_admin(Settings.from_environment(settings), _TOKEN)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _event(path: str, **parameters: str) -> dict[str, Any]:
    """A request as API Gateway's Lambda proxy integration hands it over."""
    headers = {"Authorization": f"Bearer {_TOKEN}", "Accept": "application/json"}
    return {
        "resource": path,
        "path": path.format(**parameters),
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": path,
            "httpMethod": "GET",
            "path": path.format(**parameters),
            "stage": "api",
            "requestId": "00000000-0000-4000-8000-000000000001",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "benchmark"},
        },
        "body": None,
        "isBase64Encoded": False,
    }
