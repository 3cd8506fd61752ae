"""Alerts as Events of the pod in its cluster: ``kubectl get events``, ``kubectl describe pod``.

The service never waits for this and never fails of it: a queue that holds little, a thread for each
request, a time after which it is given up, and a line in the log where the cluster was not told.
The same words are told again after an hour, when the cluster has forgotten them.

Source: the API group events.k8s.io/v1, whose server takes a note of 1024 octets at most.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Final, Never

from mailstack.agent.alerts import POD, POD_UID, Matter
from mailstack.aio.aside import aside
from mailstack.aio.kubernetes_api import HOST, Api, ApiError
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

GROUP: Final = "apis/events.k8s.io/v1"
MAX_WAITING: Final = 8
PATIENCE_S: Final = 30.0
"""For one, with all its tries."""
LAST_S: Final = 5.0
"""For those that wait when the service ends: a refused start is told, too."""
AGAIN_S: Final = 3600.0
"""The API server keeps an Event for an hour (kube-apiserver, --event-ttl)."""
_TIMEOUT_S, _TRIES = 5.0, 3
_MAX_NOTE: Final = 1000
_ACTIONS: Final = {Matter.REFUSED: "Configure", Matter.CERTIFICATE: "Serve"}


@dataclass(frozen=True, slots=True)
class Told:
    """One alert, and when it was."""

    matter: Matter
    words: str
    at: float
    number: str = field(default_factory=partial(secrets.token_hex, 8), compare=False)
    """For the Event's name: of all tries the same one."""


@dataclass(slots=True)
class Events:
    """Of one service in one pod. Use within ``sending``."""

    service: str
    say: Callable[[str], None]
    api: Api
    pod: str
    uid: str
    now: Callable[[], float] = time.time
    _waiting: asyncio.Queue[Told] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    _last: dict[Matter, Told] = field(default_factory=dict)

    def alert(self, matter: Matter, words: str) -> None:
        """Have it told, soon; ``alerts.Alert``."""
        last, told = self._last.get(matter), Told(matter, words, self.now())
        if last and last.words == words and told.at - last.at < AGAIN_S:
            return
        try:
            self._waiting.put_nowait(told)
        except asyncio.QueueFull:
            self.say(f"the cluster was not told of {matter}: {MAX_WAITING} others wait")
        else:
            self._last[matter] = told

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send them meanwhile; those that are left get a few seconds."""
        task = asyncio.get_running_loop().create_task(self._send_all())
        try:
            yield
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_S):
                    await self._waiting.join()
            task.cancel()
            await asyncio.wait({task})

    async def _send_all(self) -> Never:
        while True:
            told = await self._waiting.get()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await aside(partial(self._post, told))
            except TimeoutError:
                self.say(f"the cluster was not told of {told.matter}: no answer in time")
            except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
                self.say(f"the cluster was not told of {told.matter}: {error}")
            finally:
                self._waiting.task_done()

    def _post(self, told: Told) -> None:
        try:
            self.api.call("POST", GROUP, "events", self._event(told))
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT:
                return  # an earlier try arrived, and only its answer did not
            if error.status == HTTPStatus.FORBIDDEN:
                raise ApiError(error.status, f"{error}; apply the manifests again") from error
            raise

    def _event(self, told: Told) -> Mapping[str, object]:
        namespace = self.api.namespace()
        at = datetime.fromtimestamp(told.at, UTC).isoformat(timespec="microseconds")
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{self.pod}.{self.service}.{told.number}",
                "namespace": namespace,
            },
            "eventTime": at.replace("+00:00", "Z"),
            "type": "Warning",
            "reason": told.matter.value,
            "action": _ACTIONS[told.matter],
            "note": told.words.encode()[:_MAX_NOTE].decode(errors="ignore"),
            "regarding": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": self.pod,
                "namespace": namespace,
                "uid": self.uid,
                "fieldPath": f"spec.containers{{{self.service}}}",
            },
            "reportingController": "mailstack-agent",
            "reportingInstance": self.pod[:128],
        }


def events(service: str, say: Callable[[str], None]) -> Events:
    """Make those of the pod that we are in."""
    server = Endpoint(HOST, STACK.internet_ports["https"])
    api = Api(server, timeout_s=_TIMEOUT_S, tries=_TRIES)
    return Events(service, say, api, os.environ[POD], os.environ[POD_UID])
