"""A throw-away Postfix, Dovecot, spamd and filter on free ports, in one temporary folder.

Plain configurations, the same for both sides of a comparison: only the way between differs.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
START_TIMEOUT_S = 30.0

MASTER_CF = """\
{smtp}    inet  n - n - -   smtpd
pickup    unix  n - n 60 1  pickup
cleanup   unix  n - n - 0   cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - -   trivial-rewrite
bounce    unix  - - n - 0   bounce
defer     unix  - - n - 0   bounce
trace     unix  - - n - 0   bounce
verify    unix  - - n - 1   verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - -   proxymap
showq     unix  n - n - -   showq
error     unix  - - n - -   error
retry     unix  - - n - -   error
lmtp      unix  - - n - -   lmtp
anvil     unix  - - n - 1   anvil
scache    unix  - - n - 1   scache
postlog   unix-dgram n - n - 1 postlogd
"""

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/postfix.log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.test
mydestination =
alias_maps =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
disable_dns_lookups = yes
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = static:ok
transport_maps = inline:{{ {transports} }}
in_flow_delay = 0
"""

DOVECOT_CONF = """\
base_dir = {folder}/dovecot
log_path = {folder}/dovecot.log
protocols = lmtp
ssl = no
first_valid_uid = 1
mail_location = maildir:~/Maildir
userdb {{
  driver = static
  args = uid={account} gid={account} home={folder}/mail/%u allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=y
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""

SPAMD_CF = "report_safe 0\nuse_bayes 0\nenvelope_sender_header Return-Path\n"


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Ports:
    smtp: int = field(default_factory=free_port)
    dovecot: int = field(default_factory=free_port)
    spamd: int = field(default_factory=free_port)
    relay: int = field(default_factory=free_port)
    """The filter with scanning off."""
    scan: int = field(default_factory=free_port)
    """The filter with scanning on."""


@dataclass
class Stack:
    folder: Path
    ports: Ports
    filters: dict[str, int] = field(default_factory=dict)
    """Name → process id."""

    @property
    def mail(self) -> Path:
        return self.folder / "mail"


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def process(argv: list[str], log: Path, env: dict[str, str] | None = None) -> Iterator[int]:
    with (
        log.open("ab") as out,
        subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **(env or {})}) as child,
    ):
        try:
            yield child.pid
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


def filter_config(stack: Stack, listen: int, *, enabled: bool, children: int) -> Path:
    account = pwd.getpwnam("mail")
    document = {
        "hostname": "filter.bench.test",
        "listen": ["127.0.0.1", listen],
        "http": ["127.0.0.1", 0],
        "mailboxes": ["127.0.0.1", stack.ports.dovecot],
        "spamd": ["127.0.0.1", stack.ports.spamd],
        "spool": str(stack.mail),
        "enabled": enabled,
        "scans_at_once": children,
        "uid": account.pw_uid,
        "gid": account.pw_gid,
    }
    path = stack.folder / f"filter-{listen}.json"
    path.write_text(json.dumps(document))
    return path


def write_postfix(stack: Stack) -> Path:
    folder = stack.folder / "postfix"
    for part in ("etc", "queue", "data"):
        (folder / part).mkdir(parents=True)
    shutil.chown(folder / "data", "postfix")
    ways = {"direct": stack.ports.dovecot, "relay": stack.ports.relay, "scan": stack.ports.scan}
    transports = ", ".join(f"{{ {w}.test = lmtp:inet:127.0.0.1:{p} }}" for w, p in ways.items())
    domains = " ".join(f"{way}.test" for way in ways)
    main = MAIN_CF.format(folder=folder, domains=domains, transports=transports)
    (folder / "etc/main.cf").write_text(main)
    (folder / "etc/master.cf").write_text(MASTER_CF.format(smtp=stack.ports.smtp))
    return folder / "etc"


def write_spamd(folder: Path) -> Path:
    (folder / "sa").mkdir()
    for plugin_list in Path("/etc/spamassassin").glob("*.pre"):
        shutil.copy(plugin_list, folder / "sa")
    (folder / "sa/local.cf").write_text(SPAMD_CF)
    return folder / "sa"


@contextmanager
def running(*, scanning: bool, children: int) -> Iterator[Stack]:
    """All of it, started; ended and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as exits:
        folder = Path(name)
        folder.chmod(0o755)
        stack = Stack(folder, Ports())
        stack.mail.mkdir()
        shutil.chown(stack.mail, "mail", "mail")
        start_dovecot(stack, exits)
        if scanning:
            start_spamd(stack, exits, children)
        start_filters(stack, exits, scanning=scanning, children=children)
        start_postfix(stack, exits)
        yield stack


def start_dovecot(stack: Stack, exits: ExitStack) -> None:
    conf = stack.folder / "dovecot.conf"
    values = {"folder": stack.folder, "lmtp": stack.ports.dovecot, "account": "mail"}
    conf.write_text(DOVECOT_CONF.format(**values))
    exits.enter_context(process(["dovecot", "-F", "-c", str(conf)], stack.folder / "dovecot.out"))
    wait_for_port(stack.ports.dovecot)


def start_spamd(stack: Stack, exits: ExitStack, children: int) -> None:
    argv = ["spamd", "-L", "-x", "-i", "127.0.0.1", "-p", str(stack.ports.spamd)]
    argv += ["-m", str(children), f"--min-children={children}", "-u", "debian-spamd"]
    argv += [f"--siteconfigpath={write_spamd(stack.folder)}"]
    exits.enter_context(process(argv, stack.folder / "spamd.log"))
    wait_for_port(stack.ports.spamd)


def start_filters(stack: Stack, exits: ExitStack, *, scanning: bool, children: int) -> None:
    wanted = {"scan": (stack.ports.scan, True)} if scanning else {}
    wanted["relay"] = (stack.ports.relay, False)
    for name, (port, enabled) in wanted.items():
        config = filter_config(stack, port, enabled=enabled, children=children)
        argv = [sys.executable, "-m", "mailstack.contentfilter", "--config", str(config)]
        env = {"PYTHONPATH": str(SOURCE)}
        log = stack.folder / f"filter-{name}.log"
        stack.filters[name] = exits.enter_context(process(argv, log, env))
        wait_for_port(port)


def start_postfix(stack: Stack, exits: ExitStack) -> None:
    etc = write_postfix(stack)
    run = ["postfix", "-c", str(etc)]
    subprocess.run([*run, "start"], check=True, capture_output=True, timeout=START_TIMEOUT_S)
    exits.callback(subprocess.run, [*run, "stop"], check=False, capture_output=True, timeout=60)
    wait_for_port(stack.ports.smtp)
