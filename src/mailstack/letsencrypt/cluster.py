"""The pair as a Secret of Kubernetes, by two requests: get, and patch.

The service account may do these with this one Secret. Its token is read for each request, because
the kubelet exchanges it each hour. A patch names the version that was looked at (resourceVersion),
so what somebody else wrote meanwhile is looked at first: it may be the owner's own. What fails for
now is tried again; the new pair is kept on the volume, and the next errand puts it in.

Source: Kubernetes API concepts ("Resource versions", "Patch"); "Accessing the API from a Pod".
"""

import base64
import binascii
import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from mailstack.aio.backoff import Backoff
from mailstack.errors import MailstackError
from mailstack.letsencrypt.pair import Changed
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts token, CA and namespace."""
SERVER: Final = Endpoint("kubernetes.default.svc", STACK.internet_ports["https"])
TIMEOUT_S: Final = 10.0
"""For one answer."""
TRIES: Final = 5
_MAX_OCTETS: Final = 4 * 1024**2
"""A Secret holds at most one MiB; base64 and JSON make it more."""
_CERTIFICATE, _KEY = "tls.crt", "tls.key"
_PATCH: Final = "application/strategic-merge-patch+json"
"""Beside the pair, which is exchanged in one step, everything in the Secret stays."""
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


class ClusterFailed(MailstackError):
    """The Secret could not be read or written."""


class _ForNow(Exception):
    """It may go better soon."""


@dataclass(slots=True)
class ClusterSecret:
    """A ``Place`` (pair.py). ``certificate`` looks, ``put`` exchanges what it saw."""

    name: str
    server: Endpoint = SERVER
    account: Path = ACCOUNT
    timeout_s: float = TIMEOUT_S
    sleep: Callable[[float], None] = time.sleep
    _seen: str = field(default="", init=False)
    """Version that was looked at."""

    def certificate(self) -> str | None:
        """Read the certificate; None where the Secret has neither it nor a key."""
        found = self._call("GET")
        data = found.get("data") or {}
        self._seen = str(found["metadata"]["resourceVersion"])
        try:
            text = base64.b64decode(data.get(_CERTIFICATE) or "", validate=True).decode()
        except (ValueError, binascii.Error) as error:
            raise ClusterFailed(f"{self} holds no certificate: {error}") from error
        return text if text or data.get(_KEY) else None

    def put(self, certificate: str, key: str) -> None:
        pair = {_CERTIFICATE: certificate, _KEY: key}
        data = {name: base64.b64encode(text.encode()).decode() for name, text in pair.items()}
        self._call("PATCH", {"metadata": {"resourceVersion": self._seen}, "data": data})

    def __str__(self) -> str:
        return f"the Secret {self.name}"

    def _call(self, method: str, body: "dict[str, Any] | None" = None) -> Any:  # noqa: ANN401 - JSON
        backoff, why = Backoff(first_s=0.5, limit_s=8.0), ""
        for attempt in range(TRIES):
            if attempt:
                self.sleep(backoff.next_s())
            try:
                return self._answer(method, *self._ask(method, body))
            except _ForNow as error:
                why = str(error)
            except (OSError, http.client.HTTPException, ValueError) as error:
                why = str(error) or type(error).__name__
        raise ClusterFailed(
            f"the API server at {self.server} does not do its part for {self}: {why}",
            advice="it is tried again; what is in force stays",
        )

    def _ask(self, method: str, body: "dict[str, Any] | None") -> tuple[int, bytes]:
        token = (self.account / "token").read_text("ascii").strip()
        namespace = (self.account / "namespace").read_text("ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = _PATCH
        connection = http.client.HTTPSConnection(
            self.server.host,
            self.server.port,
            timeout=self.timeout_s,
            context=ssl.create_default_context(cafile=self.account / "ca.crt"),
        )
        path = f"/api/v1/namespaces/{namespace}/secrets/{self.name}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_OCTETS)
        finally:
            connection.close()

    def _answer(self, method: str, status: int, body: bytes) -> Any:  # noqa: ANN401 - JSON
        if status == HTTPStatus.OK:
            return json.loads(body)
        why = f"{status} {_message(body)}".strip()
        if status in _AGAIN:
            raise _ForNow(why)
        if status == HTTPStatus.FORBIDDEN:
            raise ClusterFailed(
                f"the service account may not {method.lower()} {self}: {_message(body)}",
                advice="apply the manifests again: Role and RoleBinding letsencrypt",
            )
        if status == HTTPStatus.NOT_FOUND:
            raise ClusterFailed(
                f"{self} does not exist", advice="make it: mailstack secrets, then apply again"
            )
        if status == HTTPStatus.CONFLICT:
            raise Changed(f"{self} was changed by somebody else meanwhile")
        raise ClusterFailed(f"the API server refuses to {method.lower()} {self}: {why}")


def _message(body: bytes) -> str:
    """Return what a Status object says, on one line."""
    try:
        return " ".join(str(json.loads(body)["message"]).split())[:300]
    except (ValueError, KeyError, TypeError):
        return ""
