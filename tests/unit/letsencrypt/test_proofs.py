"""The page that proves a name, on a real socket."""

import http.client
import socket
from contextlib import ExitStack

import pytest
from tests.pebble import free_port

from mailstack.errors import ConfigError
from mailstack.letsencrypt.pages import PREFIX
from mailstack.letsencrypt.proofs import Pages, serving
from mailstack.topology.model import Endpoint


def _get(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_only_awaited_pages_are_served() -> None:
    """A page is there while an order waits for it, on both families, and nothing else is."""
    pages, port = Pages(), free_port()
    pages.show("mail.example.org", "token", "token.print")
    hosts = ["127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])]
    with serving(pages, Endpoint("all", port)):
        for host in hosts:
            assert _get(host, port, PREFIX + "token") == (200, b"token.print")
            for path in ("/", PREFIX, PREFIX + "other", PREFIX + "../token", "/token"):
                assert _get(host, port, path)[0] == 404
        pages.hide("mail.example.org", "token", "token.print")
        assert _get(hosts[0], port, PREFIX + "token")[0] == 404


def test_silent_clients_hold_nobody_up() -> None:
    """Clients that connect and say nothing do not keep the authority waiting."""
    pages, port = Pages(), free_port()
    pages.show("mail.example.org", "token", "token.print")
    with serving(pages, Endpoint("127.0.0.1", port)), ExitStack() as silent:
        for _ in range(8):
            silent.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        assert _get("127.0.0.1", port, PREFIX + "token")[0] == 200


def test_a_port_in_use_is_told() -> None:
    """If something else listens there, one line says so and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"port {port} cannot be had"),
            serving(Pages(), Endpoint("127.0.0.1", port)),
        ):
            pass
