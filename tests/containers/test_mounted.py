"""Exchanged settings and secrets: picked up without a dropped session, and refused when bad."""

import ssl
import time

import pytest
from tests.containers.mounted import content, swap
from tests.containers.project import Project
from tests.containers.reading import reading
from tests.e2e.traffic import wait_until

from mailstack.agent import keys

pytestmark = pytest.mark.timeout(900)
_LIMIT_S = 60.0
_DOVECOTS_PATIENCE_S = 8.0
"""A little more than it gives old processes after a reload, by default."""
USERS = ("postfix", "dovecot", "managesieve")
"""Who shows a certificate to the world."""


def refused(stack: Project, service: str, word: str) -> None:
    """Status, metric and log say that a change was refused, and why; the pod stays ready."""
    found = stack.wait_for_config(service, "refused", timeout_s=_LIMIT_S)
    assert word in found["config"]["reason"]
    assert found["state"] == "healthy"
    assert f'mailstack_config_refused{{service="{service}"}} 1' in stack.metrics(service)
    assert found["config"]["reason"] in stack.log(service)
    assert stack.podman.run("healthcheck", "run", stack.container(service)).returncode == 0


def accepted(stack: Project, service: str) -> None:
    stack.wait_for_config(service, "accepted", timeout_s=_LIMIT_S)
    assert f'mailstack_config_refused{{service="{service}"}} 0' in stack.metrics(service)


def size_limit(stack: Project) -> str:
    with stack.session() as session:
        session.ehlo()
        return session.esmtp_features["size"]


def test_settings(stack: Project) -> None:
    """Another limit is in force; settings that are none leave the old in force everywhere."""
    folder = stack.folder / "settings"
    before, pid = content(folder), stack.pid("postfix")
    old = before["mailstack.toml"]
    limit = int(size_limit(stack))
    with reading(stack):
        swap(folder, {"mailstack.toml": old.replace("1048576", "2097152").replace("1MiB", "2MiB")})
        wait_until(lambda: int(size_limit(stack)) == 2 * limit, timeout_s=_LIMIT_S)
        swap(folder, {"mailstack.toml": old + "\n[no_such_table]\nkey = 1\n"})
        for service in ("postfix", "dovecot"):
            refused(stack, service, "no_such_table")
        assert int(size_limit(stack)) == 2 * limit
        swap(folder, before)
        wait_until(lambda: int(size_limit(stack)) == limit, timeout_s=_LIMIT_S)
        for service in ("postfix", "dovecot"):
            accepted(stack, service)
    stack.wait_until_healthy()
    assert stack.pid("postfix") == pid


def test_an_override(stack: Project) -> None:
    """A line is in force while a session is open; a bad one is refused, a removed one goes."""
    pid = stack.pid("dovecot")
    with reading(stack):
        stack.swap_override("dovecot", {"mine.conf": "login_greeting = hello there\n"})
        wait_until(lambda: "hello there" in greeting(stack), timeout_s=_LIMIT_S)
        stack.swap_override("dovecot", {"mine.conf": "mail_plugin = quota\n"})
        refused(stack, "dovecot", "mine.conf")
        assert "hello there" in greeting(stack)
        stack.swap_override("dovecot", {})
        wait_until(lambda: "hello there" not in greeting(stack), timeout_s=_LIMIT_S)
        accepted(stack, "dovecot")
        # Whether the session outlives that is seen no sooner.
        time.sleep(_DOVECOTS_PATIENCE_S)
    assert stack.pid("dovecot") == pid


def test_a_certificate(stack: Project) -> None:
    """A new one is shown by all who have it; a key that does not fit is refused."""
    folder = stack.folder / "secrets" / "tls"
    before, pids = content(folder), {name: stack.pid(name) for name in USERS}
    with reading(stack):
        key, text = keys.self_signed([stack.throwaway.hostname])
        swap(folder, {"fullchain.pem": text, "privkey.pem": key})
        wanted = ssl.PEM_cert_to_DER_cert(text)
        wait_until(lambda: shown(stack) == wanted, timeout_s=_LIMIT_S)
        other, _ = keys.self_signed([stack.throwaway.hostname])
        swap(folder, {"fullchain.pem": text, "privkey.pem": other})
        for service in USERS:
            refused(stack, service, "does not belong to privkey.pem")
        assert shown(stack) == wanted
        swap(folder, before)
        for service in USERS:
            accepted(stack, service)
        old = ssl.PEM_cert_to_DER_cert(before["fullchain.pem"].partition("-----END")[0] + END)
        wait_until(lambda: shown(stack) == old, timeout_s=_LIMIT_S)
    assert {name: stack.pid(name) for name in USERS} == pids


END = "-----END CERTIFICATE-----\n"


def greeting(stack: Project) -> str:
    at = stack.throwaway.endpoint("dovecot", "imap")
    with stack.internet.connect(stack.internet.plan.friend, at) as connection:
        return connection.recv(1024).decode()


def shown(stack: Project) -> bytes:
    """Return the certificate at the port of IMAP."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    at = stack.throwaway.endpoint("dovecot", "imaps")
    connection = stack.internet.connect(stack.internet.plan.friend, at)
    with context.wrap_socket(connection) as session:
        return session.getpeercert(binary_form=True) or b""
