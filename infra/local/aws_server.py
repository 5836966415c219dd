"""The local AWS: ministack, saving itself every other second. Runs in its own environment.

ministack saves only when it ends in good order, so a `kill -9` would lose everything, the KMS key
included. It also watches its parent: when `run.py` is killed, it saves and goes.
"""

import os
import signal
import threading
import time
from typing import Any

import ministack.app
from ministack.core import persistence
from ministack.services import cloudformation, lambda_svc
from ministack.services.cloudformation import handlers, helpers, provisioners, stacks

_SAVE_SECONDS = 2.0
_WATCH_SECONDS = 0.25


def _save_for_ever() -> None:
    while True:
        time.sleep(_SAVE_SECONDS)
        # Failing now and then is normal: a table may change while it is written. The former file
        # stays until a whole new one replaces it.
        persistence.save_all(ministack.app._build_persistence_save_dict())  # noqa: SLF001


def _keep_versions() -> None:
    """Let a function that CloudFormation updates keep its versions and aliases, as in AWS.

    ministack makes it anew, and then requests meet no alias.
    """
    handler = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]  # noqa: SLF001
    create = handler["create"]

    def create_or_update(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        before = lambda_svc._functions.get(properties.get("FunctionName"))  # noqa: SLF001
        name, attributes = create(logical_id, properties, stack)
        if before:
            kept = {each: before[each] for each in ("versions", "next_version", "aliases")}
            lambda_svc._functions[name].update(kept)  # noqa: SLF001
        return name, attributes

    handler["create"] = create_or_update


def _answer_whole() -> None:
    """Let the deletion of a change set answer as AWS does: ministack leaves out the result."""
    delete = handlers._ACTION_HANDLERS["DeleteChangeSet"]  # noqa: SLF001

    def delete_change_set(params: Any) -> Any:
        answer = delete(params)
        result = "<DeleteChangeSetResult></DeleteChangeSetResult>"
        ok = answer[0] == 200
        return helpers._xml(200, "DeleteChangeSetResponse", result) if ok else answer  # noqa: SLF001

    handlers._ACTION_HANDLERS["DeleteChangeSet"] = delete_change_set  # noqa: SLF001


def _keep_what_is_retained() -> None:
    """Heed `DeletionPolicy` when a stack is deleted, as AWS does: ministack deletes everything."""
    delete = stacks._delete_resource  # noqa: SLF001

    def delete_unless_retained(
        kind: str, physical_id: str, properties: dict[str, Any], stack_name: str, logical_id: str
    ) -> Any:
        stack = cloudformation._stacks.get(stack_name) or {}  # noqa: SLF001
        resource = (stack.get("_template") or {}).get("Resources", {}).get(logical_id, {})
        is_going = stack.get("StackStatus") == "DELETE_IN_PROGRESS"
        if is_going and str(resource.get("DeletionPolicy", "")).startswith("Retain"):
            return None
        return delete(kind, physical_id, properties, stack_name, logical_id)

    stacks._delete_resource = delete_unless_retained  # noqa: SLF001


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until told to stop."""
    os.umask(0o077)  # The state holds key material.
    parent = os.getppid()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    threading.Thread(target=_save_for_ever, daemon=True).start()
    _keep_versions()
    _answer_whole()
    _keep_what_is_retained()
    ministack.app.main()


if __name__ == "__main__":
    main()
