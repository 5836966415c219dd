"""Measures the contestants in one process, and prints the section as JSON; see encryption.py."""

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from chalicelib.encryption.service import CAPACITY
from tests.bench.answers import in_process_aws, time_one
from tests.bench.contestants import CONTESTANTS, Cloud, Contestant
from tests.bench.report import Cell, Chart, Section, Table

SIZES = (100, 2_000, 64_000)
OPERATIONS = 1_000
_ORGANIZATIONS = 40
_EARLIER_CONTAINERS, _SEALED_BY_EACH = 5, 60
_CACHED_ORGANIZATIONS = (10, 100, 1_000)
_IMPORTS = {
    "Ciborium (`chalicelib.encryption`)": "chalicelib.encryption",
    "AWS Encryption SDK": "aws_encryption_sdk",
    "AWS Encryption SDK with its keyrings": "aws_encryption_sdk, "
    "aws_cryptographic_material_providers.mpl, aws_cryptographic_material_providers.keystore",
    "Tink, with KMS": "tink.aead, tink.integration.awskms",
}
_THERE_ANYWAY = "botocore.session, pynamodb.models, cryptography.hazmat.primitives.ciphers.aead"
TEXT = """Everything in one process and in turn, against moto's KMS and DynamoDB. The timed
operations are of a warm container and without AWS's own time: a call of KMS, where one is made,
costs the client's work only, so that in an account some milliseconds come on top of each. The AWS
Encryption SDK is timed with the algorithm whose construction is most like ours (AES-256-GCM under a
key that HKDF-SHA-512 derives, with key commitment), and once as it comes, with a signature.

What theirs give and ours does not: the AWS Encryption SDK has a documented message format that its
libraries in five languages read, signatures which tell that a reader did not forge what it may only
read, frames for streams of any length, several wrapping keys for one message, and a verified core.
Tink has keysets in which old keys go on opening, many more primitives with one interface, and the
same in five languages. Ours seals what fits into an item and nothing else. It binds a value to its
place and its organisation, as theirs do where the caller passes a context; \"one keyset for all\"
is quicker than ours because it neither derives a key for each value nor commits to it, and has no
keys of organisations, which could be destroyed alone."""


def time_operations(cloud: Cloud, runs: int) -> tuple[list[list[Cell]], dict[str, list[float]]]:
    """Microseconds of a seal and an opening of each contestant at each size; medians."""
    rows: list[list[Cell]] = []
    opened: dict[str, list[float]] = {}
    for name, make in CONTESTANTS.items():
        contestant = make(cloud)
        row: list[Cell] = [name, len(contestant.seal(b"s", "acme")) - 1]
        for size in SIZES:
            secret = b"s" * size
            sealed = contestant.seal(secret, "acme")
            sealing = _time(cloud, partial(contestant.seal, secret, "acme"), runs)
            opening = _time(cloud, partial(contestant.open, sealed, "acme"), runs)
            row += [sealing, opening]
            opened.setdefault(name, []).append(opening)
        rows.append(row)
    return rows, opened


def _time(cloud: Cloud, act: Callable[[], object], runs: int) -> float:
    act()  # Some remember what they have opened once.
    cloud.answers.forget()
    act()
    seconds: list[float] = []
    cloud.answers.repeat(lambda: seconds.append(time_one(act)), runs)
    return statistics.median(seconds[-runs:]) * 1e6


def count_calls(cloud: Cloud) -> list[list[Cell]]:
    """What a new container asks for a thousand operations of many organisations' secrets."""
    return [[name, *_count(cloud, make)] for name, make in CONTESTANTS.items()]


def _count(cloud: Cloud, make: Callable[[Cloud], Contestant]) -> list[Cell]:
    chance = random.Random(1)
    names = [f"organization-{number}" for number in range(_ORGANIZATIONS)]
    weights = [1 / (number + 1) for number in range(_ORGANIZATIONS)]
    there: list[tuple[str, bytes]] = []
    for _ in range(_EARLIER_CONTAINERS):
        earlier = make(cloud)
        sealed_for = chance.choices(names, weights, k=_SEALED_BY_EACH)
        there += [(name, earlier.seal(b"a token", name)) for name in sealed_for]
    cloud.calls.clear()
    container = make(cloud)
    for _ in range(OPERATIONS):
        if chance.random() < 0.1:
            container.seal(b"a new token", chance.choices(names, weights)[0])
        else:
            name, sealed = chance.choice(there)
            container.open(sealed, name)
    kms, database = cloud.calls["kms"], cloud.calls["dynamodb"]
    return [kms, database, 100 * (1 - min(1, kms / OPERATIONS))]


def count_hits(cloud: Cloud, counts: tuple[int, ...]) -> list[list[Cell]]:
    """How often our vault has the data key already, by the number of organisations."""
    rows: list[list[Cell]] = []
    operations = 3 * OPERATIONS
    for count in counts:
        chance = random.Random(2)
        names = [f"of-{count}-{number}" for number in range(count)]
        earlier = CONTESTANTS["Ciborium"](cloud)
        there = {name: earlier.seal(b"a token", name) for name in names}
        weights = [1 / (number + 1) for number in range(count)]
        for how, weighed in (("all alike", None), ("few are busy", weights)):
            container = CONTESTANTS["Ciborium"](cloud)
            cloud.calls.clear()
            for name in chance.choices(names, weighed, k=operations):
                container.open(there[name], name)
            misses = cloud.calls["kms"]
            hits = 100 * (1 - misses / operations)
            rows.append([count, how, hits, 1000 * misses / operations])
    return rows


def time_imports(runs: int = 5) -> list[list[Cell]]:
    """Milliseconds of importing each; alone, and beside what an API on DynamoDB imports anyway."""
    rows: list[list[Cell]] = []
    for name, modules in _IMPORTS.items():
        alone = statistics.median(_import(modules) for _ in range(runs))
        beside = statistics.median(_import(modules, _THERE_ANYWAY) for _ in range(runs))
        rows.append([name, alone, beside])
    return rows


def _import(modules: str, before: str = "time") -> float:
    code = (
        f"import time, {before}; start = time.perf_counter(); import {modules}; "
        "print(time.perf_counter() - start)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return float(done.stdout) * 1000


def contest(runs: int) -> Section:
    """All of it."""
    with in_process_aws():
        cloud = Cloud()
        times, opened = time_operations(cloud, runs)
        calls, hits = count_calls(cloud), count_hits(cloud, _CACHED_ORGANIZATIONS)
    by_size = [f"{what} {size:,} B" for size in SIZES for what in ("seal", "open")]
    share = f"{_ORGANIZATIONS} organisations, few of them busy; nine of ten operations open"
    tables = [
        Table(f"Microseconds, medians of {runs}", ["", "bytes added", *by_size], times),
        Table(
            f"What a new container asks in {OPERATIONS:,} operations ({share})",
            ["", "KMS calls", "DynamoDB calls", "% without KMS"],
            calls,
        ),
        Table(
            f"Our cache, of {CAPACITY:,} data keys, over 3,000 openings by a new container",
            ["organisations", "", "% hits", "KMS calls for 1,000"],
            hits,
        ),
        Table(
            "Imports, milliseconds",
            ["", "alone", "beside botocore, PynamoDB, cryptography"],
            time_imports(),
        ),
    ]
    lines = {name: list(zip(map(float, SIZES), each, strict=True)) for name, each in opened.items()}
    chart = Chart("Opening a value, by its bytes", "microseconds", lines)
    return Section("encryption", "Encryption", TEXT, tables, chart)


if __name__ == "__main__":
    print(json.dumps(asdict(contest(int(sys.argv[1])))))
