"""What every program of ours shows on its operations port: ``/healthz /readyz /metrics``."""

from collections.abc import Callable
from http import HTTPStatus

from mailstack.aio.http import Answer, Request, text
from mailstack.observe.metrics import CONTENT_TYPE


def operations(request: Request, exposition: Callable[[], bytes], *, not_ready: str = "") -> Answer:
    """Answer probes and Prometheus. ``not_ready``: why the program does not do its work now."""
    if request.method not in ("GET", "HEAD"):
        return text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
    match request.path:
        case ("healthz",):
            return text(HTTPStatus.OK, "ok")
        case ("readyz",) if not_ready:
            return text(HTTPStatus.SERVICE_UNAVAILABLE, not_ready)
        case ("readyz",):
            return text(HTTPStatus.OK, "ready")
        case ("metrics",):
            return Answer(HTTPStatus.OK, exposition(), CONTENT_TYPE)
    return text(HTTPStatus.NOT_FOUND, "no such page")
