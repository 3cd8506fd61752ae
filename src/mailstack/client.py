"""A client of couchmail's HTTP API. One request, one answer, no library.

The standard library's HTTP client starts in 20 ms, which is most of what ``mailstack user add``
may take. On couchmail's own machine it uses the unix socket, which admits by the peer's user id;
a service elsewhere connects by TCP with the stack's token.
"""

import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from mailstack.errors import (
    DocumentExists,
    DocumentMissing,
    InvalidDocument,
    MailstackError,
    RevisionConflict,
    StoreUnavailable,
)
from mailstack.model.target import target
from mailstack.topology.model import Endpoint

TIMEOUT_S = 30.0
"""For one answer. The store itself gives up sooner (its own limits are a few seconds)."""

MAX_ANSWER = 16 * 1024**2
"""Octets of one answer read into memory; a page of documents is far smaller."""

_ERRORS: Mapping[int, type[MailstackError]] = {
    HTTPStatus.NOT_FOUND: DocumentMissing,
    HTTPStatus.CONFLICT: DocumentExists,
    HTTPStatus.PRECONDITION_FAILED: RevisionConflict,
    HTTPStatus.BAD_REQUEST: InvalidDocument,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidDocument,
    HTTPStatus.SERVICE_UNAVAILABLE: StoreUnavailable,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, once it was no error."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The body, where it is a JSON object.

        Raises:
            MailstackError: it broke off; http.client does not say so by itself.
        """
        try:
            found: dict[str, Any] = json.loads(self.body)
        except ValueError as error:
            raise _broken("the answer broke off") from error
        return found


class UnixTransport:
    """Reaches the couchmail whose socket is ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.headers: Mapping[str, str] = {}

    def __str__(self) -> str:
        return str(self._path)

    def connection(self, timeout_s: float) -> http.client.HTTPConnection:
        return _UnixConnection(self._path, timeout_s)


class TcpTransport:
    """Reaches the couchmail that listens at ``endpoint``, with the stack's token."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        self._endpoint = endpoint
        self.headers: Mapping[str, str] = {"authorization": f"Bearer {token}"}

    def __str__(self) -> str:
        return str(self._endpoint)

    def connection(self, timeout_s: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            self._endpoint.host, self._endpoint.port, timeout=timeout_s
        )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Calls the API of one couchmail."""

    def __init__(
        self, transport: UnixTransport | TcpTransport, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._transport = transport
        self._timeout_s = timeout_s

    def call(
        self,
        method: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        document: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; ``segments`` are the parts of the path, unquoted.

        Raises:
            MailstackError: no connection, or an answer that is an error (problem+json, RFC 9457).
        """
        body = None if document is None else json.dumps(document).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        with self._open(method, target(*segments, query=query), body, sent) as response:
            data = response.read(MAX_ANSWER)
            found = {name.lower(): value for name, value in response.getheaders()}
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise problem(response.status, data)
        return Answer(response.status, found, data)

    def lines(
        self,
        method: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
    ) -> Iterator[bytes]:
        """Send one request, with a streamed body if any, and yield the answer line by line.

        Raises:
            MailstackError: as ``call``.
        """
        headers = {"content-type": "application/x-ndjson"}
        with self._open(method, target(*segments, query=query), body, headers) as response:
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise problem(response.status, response.read(MAX_ANSWER))
            yield from response

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
    ) -> Iterator[http.client.HTTPResponse]:
        connection = self._transport.connection(self._timeout_s)
        sent = {**headers, **self._transport.headers}
        try:
            connection.connect()
            # whoever answers before the body is read closes afterwards: the answer is there
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, sent)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(str(self._transport), error) from error
        finally:
            connection.close()


def problem(status: int, body: bytes) -> MailstackError:
    """Turn an error's body into the error that it stands for."""
    try:
        told = json.loads(body)
        text = str(told.get("detail") or told.get("title") or status)
    except (ValueError, AttributeError):
        text = f"couchmail answered {status}"
    return _ERRORS.get(status, MailstackError)(text)


def _unreachable(where: str, error: Exception) -> MailstackError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return MailstackError(
            f"couchmail is not running (nothing listens on {where})",
            advice="start the stack with 'mailstack up', or name its folder with --state",
        )
    if isinstance(error, PermissionError):
        return MailstackError(f"{where} may not be opened by this user", advice="run as root")
    if isinstance(error, TimeoutError):
        return MailstackError("couchmail did not answer in time", advice="see 'mailstack status'")
    return _broken(str(error))


def _broken(why: str) -> MailstackError:
    return MailstackError(f"the connection to couchmail broke: {why}", advice="try again")
