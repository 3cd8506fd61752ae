"""The pair as a Secret of Kubernetes, by two requests: get, and patch.

The service account may do these with this one Secret, by ``aio/kubernetes_api.py``. A patch names
the version that was looked at (resourceVersion), so what somebody else wrote meanwhile is looked at
first: it may be the owner's own. What fails is tried again; the new pair is kept on the volume, and
the next errand puts it in.

Source: Kubernetes API concepts ("Resource versions", "Patch"); "Accessing the API from a Pod".
"""

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from mailstack.aio.kubernetes_api import ACCOUNT, HOST, TIMEOUT_S, Api, ApiError
from mailstack.errors import MailstackError
from mailstack.letsencrypt.pair import Changed
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

SERVER: Final = Endpoint(HOST, STACK.internet_ports["https"])
_CERTIFICATE, _KEY = "tls.crt", "tls.key"
_PATCH: Final = "application/strategic-merge-patch+json"
"""Beside the pair, which is exchanged in one step, everything in the Secret stays."""


class ClusterFailed(MailstackError):
    """The Secret could not be read or written."""


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

    def key(self) -> str:
        """Read the key; empty where it cannot be told."""
        data = self._call("GET").get("data") or {}
        try:
            return base64.b64decode(data.get(_KEY) or "", validate=True).decode()
        except (ValueError, binascii.Error):
            return ""

    def put(self, certificate: str, key: str) -> None:
        pair = {_CERTIFICATE: certificate, _KEY: key}
        data = {name: base64.b64encode(text.encode()).decode() for name, text in pair.items()}
        self._call("PATCH", {"metadata": {"resourceVersion": self._seen}, "data": data})

    def __str__(self) -> str:
        return f"the Secret {self.name}"

    def _call(self, method: str, body: "dict[str, Any] | None" = None) -> Any:  # noqa: ANN401 - JSON
        api = Api(self.server, self.account, self.timeout_s, sleep=self.sleep)
        try:
            return api.call(method, "api/v1", f"secrets/{self.name}", body, content_type=_PATCH)
        except ApiError as error:
            raise self._failure(method.lower(), error) from error

    def _failure(self, verb: str, error: ApiError) -> MailstackError:
        """Say what it means here."""
        match error.status:
            case 0:
                return ClusterFailed(
                    f"the API server at {self.server} does not do its part for {self}: {error}",
                    advice="it is tried again; what is in force stays",
                )
            case HTTPStatus.FORBIDDEN:
                return ClusterFailed(
                    f"the service account may not {verb} {self}: {error}",
                    advice="apply the manifests again: Role and RoleBinding letsencrypt",
                )
            case HTTPStatus.NOT_FOUND:
                return ClusterFailed(
                    f"{self} does not exist", advice="make it: mailstack secrets, then apply again"
                )
            case HTTPStatus.CONFLICT:
                return Changed(f"{self} was changed by somebody else meanwhile")
        return ClusterFailed(
            f"the API server refuses to {verb} {self}: {error.status} {error}".rstrip()
        )
