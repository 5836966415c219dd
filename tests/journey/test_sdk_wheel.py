"""The SDK as its users have it: the built wheel, where nothing of our tree can be imported."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from chalicelib.version import VERSION
from infra import package_sdk
from infra.local.scripted_model import ScriptedModel
from tests.support.local_stack import ADMIN_TOKEN, ROOT, LocalRun, browser_of

CONVERSATION = (
    r"\s+user \[Text[\s\S]*You said: What is broken\?"
    r"[\s\S]* assistant \[Text[\s\S]*\d+ more events\n$"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_sdk.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs; its dependencies are this environment's."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index"]
    subprocess.run(
        [*pip, "--no-deps", "--quiet", "--target", target, wheel], check=True, cwd=target
    )
    return target


def run(
    installed: Path, *command: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CIBORIUM_")}
    return subprocess.run(
        command,
        cwd=installed,
        env={**own, "PYTHONPATH": str(installed), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_holds_the_sdk_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        folder = f"ciborium_sdk-{VERSION}.dist-info"
        metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
    assert {name.partition("/")[0] for name in names} == {"ciborium", folder}
    assert "ciborium/py.typed" in names
    sources = {
        f"ciborium/{source.relative_to(ROOT / 'chalicelib/sdk')}"
        for source in (ROOT / "chalicelib/sdk").rglob("*.py")
    }
    assert sources == {name for name in names if name.endswith(".py")}
    assert (metadata["Name"], metadata["Version"]) == ("ciborium-sdk", VERSION)
    assert "ciborium = ciborium.cli:main" in entry_points


def test_it_needs_what_it_says_and_nothing_of_our_tree(installed: Path) -> None:
    script = (
        "import sys\n"
        "for name in ('click', 'rich', 'chalicelib', 'botocore', 'chalice', 'pynamodb'):\n"
        "    sys.modules[name] = None\n"  # Importing them fails.
        "import ciborium\n"
        "from ciborium.interchange import read_servers\n"
        "print(ciborium.Client('https://c.example', 't'), ciborium.__version__)\n"
        "from ciborium.cli import main\n"
        "main()\n"
    )
    done = run(installed, sys.executable, "-c", script)
    assert done.stdout == f"Client('https://c.example') {VERSION}\n"
    assert done.stderr == (
        "Error: the command line needs more packages: pip install 'ciborium-sdk[cli]'\n"
    )
    assert done.returncode == 1


def test_types_are_checked_against_it(installed: Path, tmp_path: Path) -> None:
    """`py.typed` (PEP 561) and the lazy names work for type checkers."""
    (tmp_path / "user.py").write_text(
        "from ciborium import Client\n"
        "reveal_type(Client('u', 't').get_user())\n"
        "reveal_type(Client('u', 't').experimental.iter_chats())\n"
    )
    done = run(
        installed,
        *(sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull),
        str(tmp_path / "user.py"),
        MYPYPATH=str(installed),
    )
    assert re.findall(r'Revealed type is "(.*)"', done.stdout) == [
        "ciborium.identity.User",
        "typing.Iterator[ciborium.chats.Chat]",
    ], done.stdout + done.stderr


def test_the_program_and_the_documents_examples_work_against_a_running_ciborium(
    installed: Path, tmp_path: Path
) -> None:
    program = installed / "bin" / "ciborium"
    with (
        ScriptedModel(delay=0.02) as model,
        LocalRun(tmp_path / "state", "--demo", OPENAI_BASE_URL=model.base_url) as stack,
    ):
        demo = re.search(r'"url":"(http://127\.0\.0\.1:\d+/mcp)"', stack.output)
        assert demo, stack.output
        home = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        login = subprocess.run(
            [program, "login", stack.url, "--token-stdin"],
            input=ADMIN_TOKEN,
            env={**os.environ, **home, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert login.returncode == 0, login.stderr
        added = run(
            installed,
            *(program, "servers", "add", demo.group(1), "--name", "Demo", "--enable", "--json"),
            **home,
        )
        assert added.returncode == 0, added.stderr
        assert run(installed, program, "servers", "tools", "demo", **home).returncode == 3
        opened = run(installed, program, "connect", "demo", "--no-browser", "--wait", "0", **home)
        link = re.search(r"http\S+", opened.stderr)
        assert link, opened.stderr
        with browser_of(stack.url, ADMIN_TOKEN) as browser:
            assert "You may close this window" in browser.get(link.group()).text
        tools = run(installed, program, "servers", "tools", "demo", "--json", **home)
        assert "list_notes" in {each["name"] for each in json.loads(tools.stdout)}
        called = run(installed, program, "servers", "call", "demo", "list_notes", **home)
        assert (called.returncode, bool(called.stdout)) == (0, True), called.stderr
        asked = 'use add_numbers {"a": 1, "b": 2}'
        chat = run(installed, program, "chat", asked, "--server", "demo", **home)
        assert (chat.returncode, "add_numbers answered: " in chat.stdout) == (0, True), chat.stderr
        assert "[calls demo__add_numbers: " in chat.stderr
        asked = "Say it in several pieces #model:slow"
        lines = run(installed, program, "chat", asked, "--json", **home).stdout
        told = [json.loads(line)["type"] for line in lines.splitlines()]
        assert told.count("message_part") > 1, told
        interrupt(installed, program, **home)
        model.delay = (
            0.3  # The conversation is seen as it is written, by one who looks now and then.
        )
        run_examples(installed, stack.url, demo.group(1))
        stack.stop()
    unreachable = run(installed, program, "whoami", **home)
    assert (unreachable.returncode, unreachable.stdout) == (4, "")
    assert unreachable.stderr.count("\n") == 1


def interrupt(installed: Path, program: Path, **environment: str) -> None:
    """Ctrl-C, once the model has begun: what it has said stays, and the chat is at rest."""
    words = "slow " * 100
    with subprocess.Popen(
        [program, "chat", f"{words} #model:slow"],
        env={**os.environ, **environment, "PYTHONPATH": str(installed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as talk:
        assert talk.stdout
        assert talk.stderr
        said = talk.stdout.read(4)
        talk.send_signal(signal.SIGINT)
        said += talk.stdout.read()
        remarks = talk.stderr.read()
    assert talk.returncode == 0, remarks
    assert "[interrupted; Ctrl-C again leaves]" in remarks
    shown = run(installed, program, "chats", "show", "last", "--json", **environment)
    found = json.loads(shown.stdout)
    assert found["chat"]["status"] == "waiting"
    answer = found["messages"][-1]["content"][0]["text"]
    assert said == answer + "\n"
    assert len(answer) < len(words)


def run_examples(installed: Path, url: str, mcp_url: str) -> None:
    """Each Python block of docs/sdk.md, as it stands there."""
    text = (ROOT / "docs" / "sdk.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    expected = [
        r"signed in as admin\nopen in a browser: http",
        r".* What is new",
        CONVERSATION,
        r"image/gif 43",
        r"\['linear'\]",
    ]
    for example, output in zip(examples, expected, strict=True):
        done = run(
            installed,
            *(sys.executable, "-c", example),
            CIBORIUM_URL=url,
            CIBORIUM_TOKEN=ADMIN_TOKEN,
            MCP_URL=mcp_url,
        )
        assert re.match(output, done.stdout), done.stdout + done.stderr
