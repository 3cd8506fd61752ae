"""One request to the API server of the cluster that this pod runs in, until it is answered.

The token is read for each try, because the kubelet exchanges it each hour. What fails for now is
tried again, so often and no more. It blocks: who has an event loop asks from a thread. What an
answer means to a person is said by who asked.

Source: Kubernetes API concepts; "Accessing the Kubernetes API from a Pod".
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mailstack.aio.backoff import Backoff

if TYPE_CHECKING:
    from mailstack.topology.model import Endpoint

HOST: Final = "kubernetes.default.svc"
ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts token, CA and namespace."""
TIMEOUT_S: Final = 10.0
"""For one answer."""
TRIES: Final = 5
JSON: Final = "application/json"
_MAX_OCTETS: Final = 4 * 1024**2
"""A Secret holds at most one MiB; base64 and JSON make it more."""
_DONE: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})
_AGAIN: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,  # the token was exchanged between reading and asking
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


Body = Mapping[str, object] | None


class ApiError(Exception):
    """It was not done. ``status``: of the refusal; 0: nobody refused, and no try went well."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _ForNow(Exception):
    """It may go better soon."""


@dataclass(frozen=True, slots=True)
class Api:
    """The server, as one service account sees it: in its own namespace."""

    server: "Endpoint"
    account: Path = ACCOUNT
    timeout_s: float = TIMEOUT_S
    tries: int = TRIES
    sleep: Callable[[float], None] = time.sleep

    def namespace(self) -> str:
        return self._told("namespace")

    def call(
        self, method: str, group: str, what: str, body: Body = None, *, content_type: str = JSON
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask for ``what`` of the API group (``api/v1``) in our namespace; return the answer.

        Raises:
            ApiError: refused, or out of tries.
        """
        backoff, why = Backoff(first_s=0.5, limit_s=8.0), ""
        for attempt in range(self.tries):
            if attempt:
                self.sleep(backoff.next_s())
            try:
                return _meaning(*self._ask(method, group, what, body, content_type))
            except _ForNow as error:
                why = str(error)
            except (OSError, http.client.HTTPException, ValueError) as error:
                why = str(error) or type(error).__name__
        raise ApiError(0, why)

    def _told(self, name: str) -> str:
        return (self.account / name).read_text("ascii").strip()

    def _ask(
        self, method: str, group: str, what: str, body: Body, content_type: str
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._told('token')}", "Accept": JSON}
        if body is not None:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPSConnection(
            self.server.host,
            self.server.port,
            timeout=self.timeout_s,
            context=ssl.create_default_context(cafile=self.account / "ca.crt"),
        )
        path = f"/{group}/namespaces/{self.namespace()}/{what}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_OCTETS)
        finally:
            connection.close()


def _meaning(status: int, body: bytes) -> Any:  # noqa: ANN401 - JSON
    if status in _DONE:
        return json.loads(body)
    why = _message(body)
    if status in _AGAIN:
        raise _ForNow(f"{status} {why}".strip())
    raise ApiError(status, why)


def _message(body: bytes) -> str:
    """Return what a Status object says, on one line."""
    try:
        return " ".join(str(json.loads(body)["message"]).split())[:300]
    except (ValueError, KeyError, TypeError):
        return ""
