"""What the operations of the API work on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from mailstack.couchmail.examination import Examinations
from mailstack.observe.metrics import Metrics
from mailstack.store.contract import Store

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Context:
    """One per service."""

    store: Store
    metrics: Metrics
    examinations: Examinations
    backups: Path
    """Folder of online backups."""


def context(request: Request) -> Context:
    """The context that the application was built with."""
    found: Context = request.app.state.context
    return found
