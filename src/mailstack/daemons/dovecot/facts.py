"""What is true of our Dovecot whatever its version; both dialects are rendered from this."""

from typing import Final

from mailstack.daemons.contract import Account, Site
from mailstack.daemons.dovecot import master
from mailstack.model.documents import MAX_SCRIPT_OCTETS
from mailstack.topology.model import Endpoint

PACKAGE: Final = "mailstack.daemons.dovecot"

DIALECT_24: Final = (2, 4)
"""From this version on the configuration has another language."""

OVERRIDES: Final = "overrides"
"""Folder of the owner's files inside the configuration folder, included last."""

SOCKET_FOLDER: Final = "couchmail"
"""Inside the run folder, which holds sockets of Dovecot's own called ``dict`` and the like."""

MAX_DICT_CLIENTS: Final = 256
"""Connections to couchmail at once: every auth worker and delivery holds one."""

MAIL_ACCOUNT: Final = Account(5000, 5000)
"""Owns every mailbox. A number without a name, so that nothing has to be added to passwd(5) and
the files of a volume belong to the same owner on every machine. Logins choose nothing here."""

OWN_GROUP: Final = "dovecot"
"""Of the account that Dovecot's package creates, and its name: its auth process."""

ACCOUNT_INSIDE: Final = "vmail"
"""Its name in a container, where Dovecot has this account alone and wants a name for it."""

SPAM_FOLDER: Final = "Spam"
FOLDERS: Final = (
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
    (SPAM_FOLDER, "\\Junk"),
)
"""Folders that every mailbox has and is subscribed to, with their use as RFC 6154 spells it, by
which mail programs in any language find them."""

SCRIPTS: Final = ("global.sieve", "moved.sieve")
"""Of ours: at delivery, and when a user moves a message."""

SIEVE_EXTENSIONS: Final = (
    "body",
    "comparator-i;ascii-numeric",
    "copy",
    "date",
    "duplicate",
    "editheader",
    "encoded-character",
    "envelope",
    "environment",
    "extracttext",
    "fileinto",
    "foreverypart",
    "ihave",
    "imap4flags",
    "index",
    "mailbox",
    "mime",
    "regex",
    "reject",
    "relational",
    "special-use",
    "subaddress",
    "vacation",
    "variables",
)
"""What users' scripts may require, at delivery and when a script is checked. Left out: enotify
(mails anybody), include (the store has no folder for it), everything that runs a program."""

VOUCHED_FIELDS: Final = (
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "ARC-Seal",
    "Authentication-Results",
    "DKIM-Signature",
    "Received",
    "Received-SPF",
    "Return-Path",
)
"""Fields that speak for a server, which no script may add: what one redirects is sealed with what
``Authentication-Results`` says in our name (RFC 8601 5, RFC 8617 5.1)."""

COMPRESSION: Final = "zstd"
"""Debian's and Alpine's builds of both versions have it; quicker than gzip, and packs better."""

SUBMISSION: Final = "postfix.reinject"
"""Where Postfix takes what a script redirects or answers."""

MAX_REDIRECTS: Final = 4
"""Of one message, by one script; a list is an alias in the store."""


def listen_address(endpoint: Endpoint, *, ipv6: bool) -> str:
    """Spell a listening host as Dovecot does."""
    if endpoint.host != "all":
        return endpoint.host
    return "*, ::" if ipv6 else "*"


def dict_socket(site: Site) -> str:
    """The socket behind which socat reaches couchmail.

    In a folder of its own: passwords' hashes can be asked for here, so only the mail account and
    Dovecot's own group may enter.
    """
    return str(site.paths.run / SOCKET_FOLDER / "dict")


def values(site: Site) -> dict[str, str]:
    """Everything that the templates of both dialects are filled with."""
    return {**_places(site), **_listeners(site), **_choices(site), "balanced": _balanced(site)}


def _places(site: Site) -> dict[str, str]:
    return {
        "run": str(site.paths.run),
        "conf": str(site.paths.conf),
        "mail": str(site.paths.data / "mail"),
        "tls": str(site.paths.tls),
        "dict_socket": dict_socket(site),
        "master_users": str(master.users_file(site)),
        "master_networks": master.allowed_networks(site),
        **_processes(site),
        "uid": str(MAIL_ACCOUNT.uid),
        "gid": str(MAIL_ACCOUNT.gid),
    }


def is_unprivileged(site: Site) -> bool:
    """Whether all of Dovecot is the mail account: in a container of its own."""
    return site.account == MAIL_ACCOUNT


def _processes(site: Site) -> dict[str, str]:
    """Without root no process can become another account, or lock itself into a folder.

    The names stand before the services that refer to them; what is taken from these, behind.
    """
    if not is_unprivileged(site):
        return {
            "internal": OWN_GROUP,
            "accounts": "# The master is root; each process drops to an account of its own.",
            "unlocked": "# Processes before a login are locked into an empty folder.",
        }
    kinds = ("internal_user", "internal_group", "login_user")
    names = [f"default_{kind} = {ACCOUNT_INSIDE}" for kind in kinds]
    free = [f"service {name} {{\n  chroot =\n}}" for name in ("anvil", "imap-login", "stats")]
    return {
        # Spelt out: Dovecot 2.4 expands $SET: of these to its default, though they are set above.
        "internal": ACCOUNT_INSIDE,
        "accounts": "\n".join(["# The container has one account, and no root.", *names]),
        "unlocked": "\n".join(
            [
                "# Not root, so no process can lock itself in.",
                *free,
                "service imap {\n  extra_groups =\n}",
            ]
        ),
    }


def _listeners(site: Site) -> dict[str, str]:
    found: dict[str, str] = {}
    found["moved_address"] = str(site.addresses["trainer.moved"])
    for name in ("imap", "imaps", "lmtp", "sasl", "quota", "metrics"):
        endpoint = site.addresses[f"dovecot.{name}"]
        found[f"{name}_address"] = listen_address(endpoint, ipv6=site.ipv6)
        found[f"{name}_port"] = str(endpoint.port)
    return found


_BALANCED: Final = """
## Load balancers: who connects from elsewhere is hung up on. Their word for the client's address is
## taken. Clients of the stack itself come to the ports above, and say nothing in front.
haproxy_trusted_networks = {networks}
# From these alone, so there is no hurry: 3 seconds by default, which a busy machine may need.
haproxy_timeout = 10 secs
service imap-login {{
{listeners}
}}
"""


def _balanced(site: Site) -> str:
    """Ports for the PROXY protocol; nothing without load balancers."""
    networks = site.settings.listen.proxy_networks
    if not networks:
        return ""
    listeners = [_balanced_listener(site, "imap"), _balanced_listener(site, "imaps", "ssl = yes")]
    return _BALANCED.format(networks=" ".join(networks), listeners="\n".join(listeners))


def _balanced_listener(site: Site, port: str, *more: str) -> str:
    endpoint = site.addresses[f"dovecot.{port}-lb"]
    where = "listen" if site.version >= DIALECT_24 else "address"
    address = listen_address(endpoint, ipv6=site.ipv6)
    lines = (f"{where} = {address}", f"port = {endpoint.port}", *more, "haproxy = yes")
    return "\n".join((f"  inet_listener {port}-lb {{", *(f"    {one}" for one in lines), "  }"))


def _mailbox(name: str, use: str, keep_days: int) -> str:
    """A folder. Older mail than ``keep_days`` goes when its user leaves or gets mail; 0: never."""
    lines = [f"special_use = {use}", "auto = subscribe"]
    if keep_days:
        lines.append(f"autoexpunge = {keep_days}d")
    return "\n".join((f"mailbox {name} {{", *(f"  {line}" for line in lines), "}"))


def _choices(site: Site) -> dict[str, str]:
    keep_days = site.settings.spam.keep_days
    mailboxes = [
        _mailbox(name, use, keep_days if name == SPAM_FOLDER else 0) for name, use in FOLDERS
    ]
    return {
        "hostname": site.settings.hostname,
        "email": site.settings.email,
        "delimiter": site.settings.mailbox.delimiter,
        "mailboxes": "\n".join(mailboxes),
        "sieve_extensions": " ".join(SIEVE_EXTENSIONS),
        "max_script": str(MAX_SCRIPT_OCTETS),
        "compression": COMPRESSION,
        "submission": str(site.addresses[SUBMISSION]),
        "max_redirects": str(MAX_REDIRECTS),
    }
