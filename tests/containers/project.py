"""The compose project under test: rendered by the command line, run by podman-compose.

It stands on a small internet like the stacks of tests/e2e, and is used in the same way: the ports
are published on the address of the stack, and the command line is that inside of a container.
"""

import base64
import http.client
import itertools
import json
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.containers.images import PREFIX
from tests.containers.podman import Podman, call
from tests.e2e.stack import Stack, User

from mailstack.demo.client import trusting
from mailstack.demo.internet import SmallInternet
from mailstack.demo.throwaway import OWNER, Throwaway
from mailstack.topology.stack import STACK

SETTINGS = {
    "greylist.delay": "1",
    "smtp.dnsbl_sites": "[]",
    "spam.network_tests": "false",
    "kubernetes.images": PREFIX,
}
POSTFIX = "postscreen_greet_wait = 1s\nsmtpd_client_connection_rate_limit = 0\n"
"""As in tests/e2e: what else costs tests seconds each time."""
COMPOSE = str(Path(sys.executable).with_name("podman-compose"))
START_S = 240.0
"""Eleven containers, one by one, on a machine that may be busy; it takes half a minute alone."""
_DEPTH = 5
"""Longest chain of containers that depend on each other."""
_LABEL = "io.podman.compose.project"


@dataclass
class Project(Stack):
    """A stack in containers. Tests of one machine's stack can use it, but for its processes."""

    podman: Podman = field(default_factory=Podman.to_run)

    @property
    def name(self) -> str:
        return f"mailstack-{self.internet.plan.slot}"

    @property
    def folder(self) -> Path:
        """What was rendered, and is mounted."""
        return self.throwaway.folder / "out"

    def container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must work, where the datastore is; return what it printed."""
        return self.inside("couchmail", "mailstack", *arguments, stdin=stdin)

    def inside(self, service: str, *command: str, stdin: str = "") -> str:
        """Run a command that must work in a container; return what it printed."""
        return self.podman.do("exec", "-i", self.container(service), *command, stdin=stdin)

    def log(self, service: str) -> str:
        done = self.podman.run("logs", self.container(service))
        return done.stdout + done.stderr

    def put_script(self, user: User, text: str) -> None:
        """Store a script and have it run, by ManageSieve (RFC 5804) as a mail program does."""
        at, tls = self.throwaway.endpoint("managesieve", "managesieve"), self.throwaway.certificate
        plain = base64.b64encode(f"\0{user.address}\0{user.password}".encode()).decode()
        with socket.create_connection((at.host, at.port), timeout=10) as opened:
            _sieve(opened)
            _sieve(opened, "STARTTLS")
            secured = trusting(tls).wrap_socket(opened, server_hostname=self.throwaway.hostname)
            with secured:
                _sieve(secured)
                _sieve(secured, f'AUTHENTICATE "PLAIN" "{plain}"')
                _sieve(secured, f'PUTSCRIPT "main" {{{len(text)}+}}\r\n{text}')
                _sieve(secured, 'SETACTIVE "main"')

    # --- health ------------------------------------------------------------------------------

    def agent(self, service: str) -> Any:  # noqa: ANN401 - parsed JSON
        """Ask the agent of a container for its status; None while nobody answers."""
        address = self._address(STACK.pod_of(service))
        if not address:
            return None
        connection = http.client.HTTPConnection(address, STACK.agent_port(service), timeout=5)
        try:
            connection.request("GET", "/status")
            return json.loads(connection.getresponse().read())
        except OSError:
            return None
        finally:
            connection.close()

    def _address(self, pod: str) -> str:
        """Any: the agent answers on each."""
        done = self.podman.run("inspect", self.container(pod))
        if done.returncode:
            return ""
        networks = json.loads(done.stdout)[0]["NetworkSettings"]["Networks"] or {}
        return next((one["IPAddress"] for one in networks.values() if one["IPAddress"]), "")

    def wait_until_healthy(self, services: Sequence[str] = (), *, timeout_s: float = 240.0) -> None:
        """Wait until every agent, or each of these, says so."""
        waiting = list(services) or [service.name for service in STACK.services]
        deadline = time.monotonic() + timeout_s
        while waiting:
            states = {name: self.agent(name) for name in waiting}
            waiting = [n for n, found in states.items() if not found or found["state"] != "healthy"]
            if waiting and time.monotonic() > deadline:
                self._fail(waiting)
            time.sleep(0.2 if waiting else 0)

    def _fail(self, services: Sequence[str]) -> None:
        error = AssertionError(f"not healthy: {', '.join(services)}")
        for name in services:
            error.add_note(f"{name} logged:\n" + "\n".join(self.log(name).splitlines()[-25:]))
        raise error

    # --- overrides ---------------------------------------------------------------------------

    def swap_override(self, service: str, files: dict[str, str]) -> None:
        """Exchange the folder of overrides as the kubelet exchanges a mounted ConfigMap.

        A new folder is filled, the link ``..data`` is renamed over the old one, and each file is a
        link through it (atomic_writer.go of Kubernetes 1.34).
        """
        mounted = self.folder / "overrides" / service
        fresh = mounted / f"..{next(self.numbers)}"
        fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_text(text)
        link = mounted / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(mounted / "..data")
        for name in files:
            if not (mounted / name).is_symlink():
                (mounted / name).symlink_to(f"..data/{name}")
        for path in mounted.iterdir():
            if path.is_symlink() and not path.name.startswith("..") and path.name not in files:
                path.unlink()

    def wait_for_banner(self, words: str, *, timeout_s: float = 20.0) -> None:
        """Wait until Postfix greets with these words."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self.submission() as session:
                greeting = session.greeting[1].decode()
            if words in greeting:
                return
            assert time.monotonic() < deadline, greeting
            time.sleep(0.1)

    def wait_for_config(self, service: str, state: str, *, timeout_s: float = 20.0) -> Any:  # noqa: ANN401
        """Wait until the agent says this of the configuration; return all that it says."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.agent(service)
            if found and found["config"]["state"] == state:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)


def _sieve(connection: socket.socket, line: str = "") -> None:
    """Send a line, if any; the reply must be OK."""
    if line:
        connection.sendall(f"{line}\r\n".encode())
    reply = ""
    while not re.search(r"^(OK|NO|BYE).*\r\n", reply, re.MULTILINE):
        octets = connection.recv(4096)
        assert octets, f"{line}: hung up after {reply!r}"
        reply += octets.decode()
    assert re.search(r"^OK", reply, re.MULTILINE), f"{line}: {reply}"


@contextmanager
def running(folder: Path, internet: SmallInternet, tag: str) -> Iterator[Project]:
    """Render and run a project in ``folder`` until the end of the block."""
    settings = SETTINGS | {
        "project": f"mailstack-{internet.plan.slot}",
        "kubernetes.tag": tag,
    }
    project = Project(Throwaway.new(folder, internet, settings), itertools.count(1))
    _render(project)
    project.swap_override("postfix", {"main.cf": POSTFIX})
    project.swap_override("postgrey", {"whitelist_clients": f"{internet.plan.friend}\n"})
    _remove(project)
    try:
        _compose(project, "up", "--detach")
        project.wait_until_healthy()
        project.throwaway.publish(project.throwaway.domain)
        yield project
    finally:
        _remove(project)


def _render(project: Project) -> None:
    throwaway = project.throwaway
    throwaway.cli("init", throwaway.domain, "--email", OWNER)
    throwaway.cli("render", "compose", "--out", str(project.folder))
    # Where a stack without containers has them, and its tests look for them.
    throwaway.state.mkdir()
    (throwaway.state / "secure").symlink_to(project.folder / "secrets")


def _compose(project: Project, *arguments: str) -> None:
    argv = [sys.executable, COMPOSE, "--file", str(project.folder / "compose.yaml"), *arguments]
    done = call(argv, project.podman.environment, timeout_s=START_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def _remove(project: Project) -> None:
    """Remove containers, networks and volumes of this project, left by an earlier run or ours."""
    podman, mine = project.podman, f"label={_LABEL}={project.name}"
    for _ in range(_DEPTH):
        # Those that others depend on are refused, until these are gone.
        if found := podman.do("ps", "--all", "--quiet", "--filter", mine).split():
            podman.run("rm", "--force", "--time", "0", *found, timeout_s=120)
    for kind in ("network", "volume"):
        if found := podman.do(kind, "ls", "--quiet", "--filter", mine).split():
            podman.do(kind, "rm", *found, timeout_s=120)
