"""The compose project under test: rendered by the command line, run by podman-compose.

It stands on a small internet like the stacks of tests/e2e, and is used in the same way: the ports
are published on the address of the stack, and the command line is that inside of a container.
"""

import base64
import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.containers.mounted import content, swap
from tests.containers.podman import Podman
from tests.e2e.stack import Stack, User

from mailstack.demo.client import trusting
from mailstack.demo.throwaway import DOMAIN, OWNER
from mailstack.deploy import places
from mailstack.errors import ServiceFailed
from mailstack.settings_file import check
from mailstack.topology.selection import selected
from mailstack.topology.stack import STACK

RUN: Final = selected(STACK, check({"domain": DOMAIN, "email": OWNER}))
"""What has a container: all but what an owner has to ask for."""
SERVICES: Final = [service.name for service in RUN.services]
_HAS_CHECKER: Final = {"sieve": "managesieve", "spam": "spamkeeper"}
"""Commands that need a program, and whose container has it."""


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
        """Run a command that must work, where it can; return what it printed.

        That is where the datastore is, but for what another container has the program to check.

        Raises:
            ServiceFailed: it did not; carries its own words.
        """
        service = _HAS_CHECKER.get(arguments[0], "couchmail")
        argv = ("exec", "-i", self.container(service), "mailstack", *arguments)
        done = self.podman.run(*argv, stdin=stdin)
        if done.returncode:
            words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ServiceFailed(f"mailstack {' '.join(arguments)}: {words[-1]}")
        return done.stdout

    def publish(self, domain: str) -> None:
        """Make a domain's records known to the outside; its keys are asked for where they are."""
        self.throwaway.publish_domain(domain)
        keys = json.loads(self.cli("dkim", "show", domain, "--wait", "--json"))["items"]
        self.throwaway.publish_keys(keys)

    def inside(self, service: str, *command: str, stdin: str = "") -> str:
        """Run a command that must work in a container; return what it printed."""
        return self.podman.do("exec", "-i", self.container(service), *command, stdin=stdin)

    def log(self, service: str) -> str:
        done = self.podman.run("logs", self.container(service))
        return done.stdout + done.stderr

    def log_sizes(self) -> dict[Path, int]:
        """Return how much each service has logged by now, by the name of a file that it has not."""
        return {Path(name): len(self.log(name)) for name in SERVICES}

    def log_since(self, sizes: Mapping[Path, int]) -> dict[str, str]:
        """Return what each service has logged since ``sizes`` was taken."""
        logs = {name: self.log(name) for name in SERVICES}
        found = {name: text[sizes.get(Path(name), 0) :] for name, text in logs.items()}
        return {name: text for name, text in found.items() if text}

    def _postqueue(self, option: str) -> str:
        conf = str(places.STATE / "conf" / "postfix" / "current")
        return self.inside("postfix", "postqueue", "-c", conf, option)

    # --- containers --------------------------------------------------------------------------

    def end(self, pods: Sequence[str], number: signal.Signals) -> None:
        """End all containers of pods: SIGTERM asks them, and gives them their time; SIGKILL not."""
        containers = [self.container(name) for pod in pods for name in reversed(members(pod))]
        if number == signal.SIGKILL:
            self.podman.do("kill", "--signal", "KILL", *containers)
            self.podman.do("wait", *containers, timeout_s=120)
        else:
            self.podman.do("stop", *containers, timeout_s=600)

    def begin(self, pods: Sequence[str]) -> None:
        """Start all containers of pods as an engine does: of each the one that has its network."""
        for name in (name for pod in pods for name in members(pod)):
            self.podman.do("start", self.container(name), timeout_s=120)

    def process_1(self, service: str) -> int:
        """Return the agent of a container as this machine counts processes; 0 while it has none."""
        found = self.podman.run("inspect", "--format", "{{.State.Pid}}", self.container(service))
        return int(found.stdout or 0)

    def kill(self, service: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill a service's main process in its container; return which it was there."""
        pid = self.pid(service)
        # By Python, which every image has.
        self.inside(service, "python3", "-c", f"import os; os.kill({pid}, {number.value})")
        return pid

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

    def status(self) -> Any:  # noqa: ANN401 - parsed JSON
        """Put together what each agent says, as the status of one machine is."""
        nothing = {"state": "unreachable", "pid": 0}
        found = {name: self.agent(name) or nothing for name in SERVICES}
        healthy = all(one["state"] == "healthy" for one in found.values())
        return {"healthy": healthy, "services": found}

    def metrics(self, service: str) -> str:
        """Return what the agent of a container counts."""
        return self._ask(service, "/metrics").decode()

    def agent(self, service: str) -> Any:  # noqa: ANN401 - parsed JSON
        """Ask the agent of a container for its status; None while nobody answers."""
        try:
            return json.loads(self._ask(service, "/status"))
        except OSError:
            return None

    def _ask(self, service: str, path: str) -> bytes:
        address = self._address(STACK.pod_of(service))
        if not address:
            raise ConnectionRefusedError(service)
        port = STACK.agent_port(service)
        connection = http.client.HTTPConnection(address, port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except http.client.HTTPException as error:
            raise ConnectionResetError(service) from error
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
        waiting = list(services or SERVICES)
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
        """Exchange a service's overrides as the kubelet exchanges a mounted ConfigMap."""
        swap(self.folder / "overrides" / service, files)

    def override(self, name: str, text: str) -> Path:
        """Write an override, ``SERVICE/FILE``, beside those that are there."""
        service, _, file = name.partition("/")
        mounted = self.folder / "overrides" / service
        swap(mounted, content(mounted) | {file: text})
        return mounted / file

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


def members(pod: str) -> list[str]:
    """Return the services of a pod, first the one whose network the others share."""
    return [pod, *(one.name for one in RUN.in_pod(pod) if one.name != pod)]


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
