"""One call of a model, through whichever API its provider speaks."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Final, Protocol

from chalicelib.egress import (
    Egress,
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.sdk.chat_models import ProviderKind
from chalicelib.turns.providers.answer import Answer
from chalicelib.turns.providers.errors import (
    ModelAnswerError,
    ModelCredentialsError,
    ModelError,
    ModelRejectedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from chalicelib.turns.providers.failures import read_failure
from chalicelib.turns.providers.models import Event, ModelRequest, ModelTarget
from chalicelib.turns.providers.outgoing import Outgoing

MAX_STREAM_BYTES: Final = 64 * 1024 * 1024
"""A stream wraps each few characters in some hundred; the answer itself has a limit of its own."""

_NO_STREAMS = ("text/html", "text/plain", "application/json")
_KEY = re.compile(r"[\x21-\x7e]*")

AWSCredentials = Callable[[], Any]
"""The role's credentials as botocore has them (`Session.get_credentials`), or None."""


class _API(Protocol):
    def build_request(self, target: ModelTarget, request: ModelRequest, /) -> Outgoing: ...

    def read_events(
        self, chunks: Iterable[bytes], answer: Answer, provider: str, /
    ) -> Iterator[Event]: ...


class ModelClient:
    """Calls models; lives as long as the container, and is thread-safe.

    Args:
        egress: the way out.
        aws_credentials: our role's, for Bedrock without a key.
    """

    def __init__(self, egress: Egress, aws_credentials: AWSCredentials = lambda: None) -> None:
        self._egress = egress
        self._aws_credentials = aws_credentials

    def stream(
        self, target: ModelTarget, request: ModelRequest, budget: float
    ) -> Generator[Event, None, None]:
        """The answer while it arrives; the last event is `Finished`, or there is an error.

        Nothing is sent before the first event is asked for. To stop early, close the iterator
        (`contextlib.closing`): that hangs up.

        Args:
            target: where to.
            request: what to ask.
            budget: seconds for everything, from the name lookup to the last byte; or a `Deadline`.

        Raises:
            ModelError: there is no answer, or not a whole one.
        """
        provider = str(target.kind)
        api, outgoing = self._prepare(target, request)
        is_answered = False
        try:
            with self._egress.stream(
                "POST",
                outgoing.url,
                headers=outgoing.headers,
                content=outgoing.body,
                budget=budget,
                max_bytes=MAX_STREAM_BYTES,
                credentials=True,
            ) as reply:
                if reply.status != 200:
                    raise read_failure(provider, reply.status, reply.headers, reply.iter_bytes())
                if reply.headers.get("Content-Type", "").startswith(_NO_STREAMS):
                    raise ModelAnswerError(
                        provider,
                        "The model's provider did not answer with a stream; is its base URL right?",
                    )
                is_answered = True
                yield from api.read_events(reply.iter_bytes(), Answer(provider), provider)
        except (
            EgressConnectionError,
            EgressRefusedError,
            EgressResponseError,
            EgressTimeoutError,
        ) as exc:
            raise _translate(provider, exc, is_answered=is_answered) from exc

    def _prepare(self, target: ModelTarget, request: ModelRequest) -> tuple[_API, Outgoing]:
        """Imports the one API that is needed: Bedrock's costs as much as the others together."""
        if not _KEY.fullmatch(target.api_key):
            raise ModelCredentialsError(
                target.kind,
                "The API key of the model's provider has characters that no key has. "
                "An admin can correct it.",
            )
        if target.kind == ProviderKind.ANTHROPIC:
            from chalicelib.turns.providers import anthropic

            return anthropic, anthropic.build_request(target, request)
        if target.kind == ProviderKind.BEDROCK:
            from chalicelib.turns.providers import bedrock

            outgoing = bedrock.build_request(target, request)
            if not target.api_key:
                outgoing = bedrock.sign(outgoing, target, self._aws_credentials())
            return bedrock, outgoing
        from chalicelib.turns.providers import openai

        return openai, openai.build_request(target, request)


def _translate(provider: str, exc: Exception, *, is_answered: bool) -> ModelError:
    """A failure on the way, as one of the model's."""
    if isinstance(exc, EgressTimeoutError):
        return ModelTimeoutError(provider, "The model did not finish its answer in time.")
    if isinstance(exc, EgressRefusedError):
        return ModelRejectedError(
            provider,
            "The base URL of the model's provider may not be reached from here. "
            "An admin can correct it.",
        )
    if isinstance(exc, EgressConnectionError) and not is_answered:
        return ModelUnavailableError(
            provider, "The model's provider could not be reached. Try again later."
        )
    if isinstance(exc, EgressConnectionError):
        return ModelAnswerError(provider, "The model's provider broke off its answer.")
    return ModelAnswerError(
        provider, "The model's provider answered with something that cannot be read."
    )
