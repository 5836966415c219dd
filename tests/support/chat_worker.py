"""Turns that are really taken, in this process, whenever somebody asks what is new."""

import json
from dataclasses import dataclass

import httpx

from tests.support.deployment import Deployment


@dataclass
class WorkingTransport(httpx.BaseTransport):
    """Has a worker look at a chat before whoever follows it is answered."""

    deployment: Deployment
    below: httpx.BaseTransport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        *_, chat_id, last = request.url.path.split("/")
        if last == "events":
            self.deployment.services.turns.handle(chat_id)
        return self.below.handle_request(request)


def types_of(lines: str) -> list[str]:
    """The types of the events in lines of JSON."""
    return [str(json.loads(line)["type"]) for line in lines.splitlines()]
