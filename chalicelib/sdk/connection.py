"""HTTP under the clients: the token, retries, and from answers to wire types or errors."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from .base import Reply
from .errors import ErrorBody
from .exceptions import APIError, NotFoundError, SDKError, UnreachableError, build_api_error
from .reading import read_json
from .requests.base import Request
from .retrying import RetryPolicy, parse_retry_after
from .sockets import OpenSocket, find_opener
from .system import BuildInfo
from .version import VERSION

T = TypeVar("T")
Query = Mapping[str, str | int | bool | Sequence[str] | None]

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # RFC 9110 section 9.2.2.
_MOST_DELETES = 1000
# The request did not leave, so making it again cannot do anything twice.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Connection:
    """One deployment and one token. Thread-safe as far as httpx is."""

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 35.0,
        retries: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.base_url = _check_base_url(base_url)
        headers = {"Accept": "application/json", "User-Agent": f"ciborium-sdk/{VERSION}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # Redirects are not followed: the token is for this deployment only.
        self._http = httpx.Client(transport=transport, timeout=timeout, headers=headers)
        self._timeout = timeout
        self._retries = retries or RetryPolicy()
        self._sleep = sleep
        self._token = token
        self._is_direct = transport is None
        self._opener: OpenSocket | None = None
        self._has_looked_for_opener = False

    def __repr__(self) -> str:
        return f"Connection({self.base_url!r})"

    def close(self) -> None:
        """Close its sockets."""
        self._http.close()

    def url(self, path: str) -> str:
        """The whole URL of a path."""
        return self.base_url + path

    def get(self, model: type[T], path: str, query: Query | None = None) -> T:
        """GET one object."""
        return _parse(model, self.send("GET", path, query=query))

    def get_list(self, model: type[T], path: str, query: Query | None = None) -> list[T]:
        """GET an array."""
        return _parse_list(model, self.send("GET", path, query=query))

    def poll(self, model: type[T], path: str, query: Query, wait: int) -> T:
        """GET what may take `wait` seconds to come, patiently: nothing is lost by asking again."""
        timeout = wait + self._timeout
        request = self._build("GET", path, {**query, "wait": wait or None}, None, {}, timeout)
        return _parse(model, self._send(request, self._retries.more_patient()))

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self._sleep(seconds)

    def find_socket_opener(self, path: str) -> OpenSocket | None:
        """What opens WebSockets at the address that a deployment announces; looked for once.

        None if it has none, if the package for it is missing, and if the caller has a transport of
        their own, which is perhaps the only way out.
        """
        if not self._is_direct or self._has_looked_for_opener:
            return self._opener
        url = self.get(BuildInfo, path).chat_stream_url
        self._has_looked_for_opener = True
        # The token goes nowhere that it would not go through an equally safe channel here.
        if url and (url.startswith("wss://") or not self.base_url.startswith("https://")):
            self._opener = find_opener(url, self._token)
        return self._opener

    def create(self, model: type[T], path: str, body: Request) -> T:
        """POST what creates something; it carries an idempotency key and is therefore retried."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return _parse(model, self.send("POST", path, body=body, headers=headers))

    def post(
        self,
        model: type[T],
        path: str,
        body: Request | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """POST what creates nothing; it is retried only if it did not leave."""
        return _parse(model, self.send("POST", path, body=body, headers=headers))

    def change(
        self,
        model: type[T],
        path: str,
        body: Request | None = None,
        *,
        method: str = "PATCH",
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """PATCH or PUT, and what has become of the object."""
        return _parse(model, self.send(method, path, body=body, headers=headers))

    def delete(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """DELETE; that it is gone after a failed attempt is a success."""
        return self.send("DELETE", path, headers=headers)

    def create_bytes(
        self, model: type[T], path: str, content: bytes, content_type: str, query: Query
    ) -> T:
        """POST something that is not JSON and creates something; otherwise as `create`."""
        headers = {"Content-Type": content_type, "Idempotency-Key": str(uuid.uuid4())}
        return _parse(model, self._send(self._build("POST", path, query, content, headers)))

    def put_bytes(self, path: str, content: bytes, content_type: str) -> None:
        """PUT something that is not JSON."""
        headers = {"Content-Type": content_type}
        self._send(self._build("PUT", path, None, content, headers))

    def delete_all(self, path: str) -> None:
        """DELETE again and again, as long as the deployment has more to remove (status 202).

        Raises:
            SDKError: it has more to remove after very many requests.
        """
        for _ in range(_MOST_DELETES):
            if self.send("DELETE", path).status_code != httpx.codes.ACCEPTED:
                return
        raise SDKError("There is still more to remove; repeat it.")

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Request | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Make a request, again where that is safe, and return the answer if it is a success.

        Raises:
            UnreachableError: there was no answer.
            APIError: the answer is an error; see `exceptions`.
        """
        own = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else dump_request(body)
        return self._send(self._build(method, path, query, content, {**own, **(headers or {})}))

    def _build(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: bytes | None,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> httpx.Request:
        return self._http.build_request(
            method,
            self.url(path),
            params=_to_params(query),
            content=content,
            headers=headers,
            timeout=self._timeout if timeout is None else timeout,
        )

    def _send(self, request: httpx.Request, retries: RetryPolicy | None = None) -> httpx.Response:
        method, retries = request.method, retries or self._retries
        repeatable = method in _IDEMPOTENT or "Idempotency-Key" in request.headers
        attempt = 0
        while True:
            attempt += 1
            outcome = self._attempt(request)
            if isinstance(outcome, httpx.Response):
                return outcome
            if method == "DELETE" and attempt > 1 and isinstance(outcome, NotFoundError):
                return httpx.Response(204, request=request)
            wait = _find_wait(retries, outcome, attempt, repeatable=repeatable)
            if wait is None:
                raise outcome
            self._sleep(wait)

    def _attempt(self, request: httpx.Request) -> httpx.Response | APIError | UnreachableError:
        try:
            response = self._http.send(request)
        except httpx.RequestError as exc:
            error = UnreachableError(f"{self.base_url} did not answer ({type(exc).__name__}).")
            error.__cause__ = exc
            return error
        if response.is_success:
            return response
        retry_after = parse_retry_after(response.headers.get("Retry-After"))
        return build_api_error(response.status_code, response.content, retry_after)


def dump_request(body: Request) -> bytes:
    """A request as JSON: only what was set, and secrets as they are."""
    fields = body.model_dump(exclude_unset=True)
    return json.dumps(fields, default=_reveal, ensure_ascii=False).encode()


def segment(text: str) -> str:
    """A text as one segment of a path, whatever is in it."""
    if text in {"", ".", ".."}:
        raise ValueError("an id must be given")
    return quote(text, safe="")


def _find_wait(
    retries: RetryPolicy, error: APIError | UnreachableError, attempt: int, *, repeatable: bool
) -> float | None:
    if isinstance(error, UnreachableError):
        safe = repeatable or isinstance(error.__cause__, _NEVER_SENT)
        return retries.find_wait(attempt) if safe else None
    # An attempt of ours may still be at work when its answer has been lost.
    waits_for_itself = error.code == "idempotency_key_in_use"
    if repeatable and (error.status in retries.statuses or waits_for_itself):
        return retries.find_wait(attempt, error.retry_after)
    return None


def _reveal(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _parse(model: type[T], response: httpx.Response) -> T:
    reply = understand(model, response)
    if isinstance(reply, Reply):
        reply.with_etag(response.headers.get("ETag"))
    return reply


def _parse_list(model: type[T], response: httpx.Response) -> list[T]:
    return understand(cast("type[list[T]]", list[model]), response)  # type: ignore[valid-type]


def understand(model: type[T], response: httpx.Response) -> T:
    """A success in the words of a type.

    Raises:
        APIError: it is not Ciborium's.
    """
    try:
        return read_json(model, response.content)
    except ValidationError:
        raise not_ours(response) from None  # The cause holds the answer.


def not_ours(response: httpx.Response) -> APIError:
    """The error of a success that is not in Ciborium's words."""
    message = "The answer is not Ciborium's. Check the address, and that the SDK is not older."
    return APIError(response.status_code, ErrorBody(message=message, code="", request_id=""))


def _to_params(query: Query | None) -> dict[str, list[str]]:
    """The parameters that have a value; one with several is repeated."""
    return {
        name: [
            str(each).lower() if isinstance(each, bool) else str(each)
            for each in (value if isinstance(value, list | tuple) else [value])
        ]
        for name, value in (query or {}).items()
        if value is not None
    }


def _check_base_url(base_url: str) -> str:
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the address must be an absolute http or https URL")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the address must have no user name, query or fragment")
    return str(url).rstrip("/")
