"""ManageSieve on the whole stack, by a client library of somebody else's, and by hand."""

import base64
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from sievelib.managesieve import Client
from tests.e2e.stack import Stack, User

from mailstack.agent import keys
from mailstack.demo import client as tls
from mailstack.managesieve.server import MAX_CONNECTIONS
from mailstack.settings import Settings

KEEP = "keep;\r\n"
LIMIT = Settings(domain="example.org", email="owner@example.org").sieve.max_scripts
FILE = 'require "fileinto";\r\nfileinto "Archive";\r\n'


@contextmanager
def session(stack: Stack, user: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Log in after STARTTLS; the certificate is compared with the host's name."""
    certificate = stack.state / "secure" / "tls" / "fullchain.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    at = stack.throwaway.endpoint("managesieve", "managesieve")
    client = Client(at.host, at.port, srvhostname=stack.throwaway.hostname)
    assert client.connect(user.address, user.password, starttls=True), client.errmsg
    try:
        yield client
    finally:
        with suppress(Exception):
            client.logout()
        client.sock.close()


class Wire:
    """The protocol by hand."""

    def __init__(self, stack: Stack) -> None:
        at = stack.throwaway.endpoint("managesieve", "managesieve")
        self.socket = socket.create_connection((at.host, at.port), timeout=60)
        self._stack = stack
        self._rest = b""

    def close(self) -> None:
        self.socket.close()

    def answer(self) -> str:
        """Return the line with which the answer ends; empty at the end of the connection."""
        while True:
            while b"\r\n" not in self._rest:
                data = self.socket.recv(4096)
                if not data:
                    return ""
                self._rest += data
            line, _, self._rest = self._rest.partition(b"\r\n")
            if line.startswith((b"OK", b"NO", b"BYE")):
                return line.decode()

    def ask(self, command: str) -> str:
        self.socket.sendall(f"{command}\r\n".encode())
        return self.answer()

    def secure(self) -> bytes:
        """Bring TLS up; return the certificate that was shown."""
        assert self.answer().startswith("OK")
        assert self.ask("STARTTLS").startswith("OK")
        certificate = (self._stack.state / "secure" / "tls" / "fullchain.pem").read_bytes()
        context = tls.trusting(certificate)
        wrapped = context.wrap_socket(self.socket, server_hostname=self._stack.throwaway.hostname)
        self.socket = wrapped
        assert self.answer().startswith("OK")
        return wrapped.getpeercert(binary_form=True) or b""

    def log_in(self, login: str, password: str) -> str:
        secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        return self.ask(f'AUTHENTICATE "PLAIN" "{secret}"')


@contextmanager
def wire(stack: Stack) -> Iterator[Wire]:
    with closing(Wire(stack)) as opened:
        yield opened


def test_scripts_of_a_user(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of a mail program, and the next message is filed by the script in force."""
    user = stack.user()
    with session(stack, user, monkeypatch) as client:
        assert "fileinto" in client.get_sieve_capabilities()
        assert client.havespace("main", 100)
        assert client.putscript("main", KEEP)
        assert client.putscript("Ferien, été", FILE)
        assert client.listscripts() == (None, ["Ferien, été", "main"])
        assert client.setactive("Ferien, été")
        assert client.renamescript("Ferien, été", "abwesend")
        assert client.listscripts() == ("abwesend", ["main"])
        assert client.getscript("abwesend").splitlines() == FILE.splitlines()
        subject = stack.fresh("filed ")
        assert stack.send(user.address, subject).code == 250
        stack.delivered(user, subject, "Archive")
        assert not client.deletescript("abwesend")
        assert client.errcode == b"ACTIVE"
        assert client.setactive("")
        assert client.deletescript("abwesend")
        subject = stack.fresh("kept ")
        assert stack.send(user.address, subject).code == 250
        stack.delivered(user, subject)


def test_the_default_script_of_a_domain(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It files the mail of who has no script in force, and is no script of theirs."""
    domain = stack.domain()
    user = stack.user("anna", domain=domain)
    file = stack.state / "default.sieve"
    file.write_text(FILE)
    stack.cli("sieve", "put", f"@{domain}", "all", str(file), "--activate")
    subject = stack.fresh("by default ")
    assert stack.send(user.address, subject).code == 250
    stack.delivered(user, subject, "Archive")
    with session(stack, user, monkeypatch) as client:
        assert client.listscripts() == (None, [])
        assert client.putscript("mine", KEEP)
        assert client.setactive("mine")
    subject = stack.fresh("by own ")
    assert stack.send(user.address, subject).code == 250
    stack.delivered(user, subject)


def test_scripts_that_are_wrong(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's line is in the answer, the script is not stored, and what was there stays."""
    user = stack.user()
    with session(stack, user, monkeypatch) as client:
        assert client.putscript("main", KEEP)
        for wrong in (client.putscript("main", "keep;\r\nbogus;\r\n"), client.checkscript("x\r\n")):
            assert not wrong
            assert b"line " in client.errmsg
        assert not client.putscript("main", 'require "vnd.dovecot.execute";\r\n')
        assert client.getscript("main").splitlines() == ["keep;"]
        assert client.checkscript(FILE)


def test_quotas(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither larger scripts nor more of them than the settings allow."""
    user = stack.user()
    with session(stack, user, monkeypatch) as client:
        assert not client.havespace("main", 10**9)
        assert client.errcode == b"QUOTA/MAXSIZE"
        assert not client.putscript("main", "# " + "x" * 2**21 + "\r\n")
        assert client.errcode == b"QUOTA/MAXSIZE"
        number = 0
        while client.putscript(f"script {number}", KEEP):
            number += 1
        assert (number, client.errcode) == (LIMIT, b"QUOTA/MAXSCRIPTS")
        assert not client.havespace("one more", 10)
        assert client.putscript("script 1", FILE)


def test_logins(stack: Stack) -> None:
    """Dovecot decides; nobody reads on in the clear, and a disabled user is nobody."""
    user, gone = stack.user(), stack.user()
    stack.cli("user", "set", gone.address, "--disable")
    with wire(stack) as plain:
        assert plain.answer().startswith("OK")
        assert plain.log_in(user.address, user.password).startswith("NO (ENCRYPT-NEEDED)")
        assert plain.ask("LISTSCRIPTS").startswith("NO")
    with wire(stack) as secure:
        secure.secure()
        assert secure.log_in(gone.address, gone.password).startswith("NO")
        assert secure.log_in(user.address, "wrong").startswith("NO")
        assert secure.log_in(user.address.upper(), user.password).startswith("OK")


def test_what_is_said_in_the_clear_does_not_count(stack: Stack) -> None:
    """Commands behind STARTTLS end the connection instead of running under TLS (CVE-2011-0411)."""
    with wire(stack) as plain:
        assert plain.answer().startswith("OK")
        assert plain.ask('STARTTLS\r\nAUTHENTICATE "PLAIN" "AGEAYg=="') in (
            "",
            'OK "begin TLS now"',
        )
        assert plain.socket.recv(1) == b""


def test_connections_are_bounded(stack: Stack) -> None:
    """One too many is told to come later; a place that becomes free is given again."""
    with ExitStack() as many:
        held = [many.enter_context(wire(stack)) for _ in range(MAX_CONNECTIONS)]
        assert all(one.answer().startswith("OK") for one in held)
        with wire(stack) as late:
            assert late.answer().startswith("BYE (TRYLATER)")
        held[0].ask("LOGOUT")
        held[0].close()
        with wire(stack) as again:
            assert again.answer().startswith("OK")


def test_outages_are_temporary(second_stack: Stack) -> None:
    """Without couchmail or Dovecot nothing is wrong with a login or a script: try later."""
    stack = second_stack
    user = stack.user()
    with wire(stack) as logged_in, wire(stack) as other:
        logged_in.secure()
        other.secure()
        assert logged_in.log_in(user.address, user.password).startswith("OK")
        stack.kill("couchmail")
        assert logged_in.ask("LISTSCRIPTS").startswith("NO (TRYLATER)")
        assert logged_in.ask('PUTSCRIPT "a" "keep;"').startswith("NO (TRYLATER)")
        _until(lambda: logged_in.ask("LISTSCRIPTS").startswith("OK"))
        stack.kill("dovecot")
        # Its login process outlives it for a moment, and says no while it is being ended itself.
        later = ("NO (TRYLATER)", "OK")
        _until(lambda: other.log_in(user.address, user.password).startswith(later))
        _until(lambda: other.log_in(user.address, user.password).startswith("OK"))


def test_a_new_certificate(second_stack: Stack) -> None:
    """A reload shows it to the next sessions; the ones that are open go on."""
    stack = second_stack
    user = stack.user()
    with wire(stack) as before:
        old = before.secure()
        assert before.log_in(user.address, user.password).startswith("OK")
        pid = stack.pid("managesieve")
        key, certificate = keys.self_signed([stack.throwaway.hostname])
        folder = stack.state / "secure" / "tls"
        (folder / "privkey.pem").write_text(key)
        (folder / "fullchain.pem").write_text(certificate)
        config = stack.throwaway.config
        config.write_text(config.read_text().replace("[sieve]", "[sieve]\nmax_scripts = 1"))
        _until(lambda: _shown(stack) not in (None, old))
        assert before.ask(f'PUTSCRIPT "main" "{KEEP.strip()}"').startswith("OK")
        assert stack.pid("managesieve") == pid


def _until(true: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _shown(stack: Stack) -> bytes | None:
    """The certificate, if it is the one in the folder, which the client trusts alone."""
    with suppress(ssl.SSLCertVerificationError), wire(stack) as one:
        return one.secure()
    return None
