"""The systems that images are built on: what differs between them stands here and nowhere else.

Names of Alpine's packages are those of its 3.24 index; Dovecot is 2.4 there as on Debian 13. What
its packages put elsewhere is linked to where Debian's have it, so that daemons' packages know one
place. Two differences are found where they matter, and not here: OpenDKIM says by -V that it has no
Lua (``daemons/opendkim/conf.py``), and Postfix by default_database_type that it has no Berkeley DB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Base:
    """One distribution."""

    name: str
    image: str
    """Pinned to a release; a digest may be given instead (``--base-image``)."""
    install: str
    """Shell line up to the names of packages. It runs in the build, never on a machine."""
    tidy: str
    """Shell line that removes what only an installation needs."""
    account: str
    """Shell line that creates an account; ``{name}`` and ``{uid}`` are filled in."""
    prepare: str
    """Shell line before packages are installed; empty: nothing."""
    python: tuple[str, ...]
    """Packages that every agent needs: the interpreter, certificates of authorities, setpriv(1)."""
    python_build: tuple[str, ...]
    """Packages that only the stage needs in which libraries are installed."""
    packages: Mapping[str, tuple[str, ...]]
    """Of each service that is not of our own making alone."""
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of a service: where Debian has a file → where this system's package has it."""


_NO_STARTS = (
    "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 0755 /usr/sbin/policy-rc.d"
)
"""Debian's packages start what they install; an image is no place for that (invoke-rc.d(8))."""

DEBIAN: Final = Base(
    name="debian",
    image="docker.io/library/debian:13-slim",
    install=(
        "apt-get update -qq && DEBIAN_FRONTEND=noninteractive "
        "apt-get install -qq -y --no-install-recommends"
    ),
    tidy=(
        "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old "
        "/var/log/*.log /var/log/apt /usr/share/doc/* /usr/share/man/* /usr/share/locale/*"
    ),
    account=(
        "groupadd --system --gid {uid} {name} && useradd --system --no-create-home "
        "--home-dir /nonexistent --shell /usr/sbin/nologin --uid {uid} --gid {uid} {name}"
    ),
    prepare=(
        f"{_NO_STARTS} && echo 'postfix postfix/main_mailer_type select No configuration' "
        "| debconf-set-selections"
    ),
    python=("python3", "ca-certificates"),
    python_build=("python3", "python3-venv", "ca-certificates"),
    packages={
        "resolver": ("unbound", "dns-root-data"),
        "dovecot": (
            "dovecot-imapd",
            "dovecot-lmtpd",
            "dovecot-sieve",
            "dovecot-auth-lua",
            "lua-socket",
            "lua-cjson",
            "socat",
        ),
        "managesieve": ("dovecot-sieve",),
        "opendkim": ("opendkim", "lua-socket", "lua-luaossl"),
        "postgrey": ("postgrey",),
        "spamd": ("spamassassin", "spamd", "libmail-spf-perl", "libmail-dkim-perl"),
        # It runs the same rules to check them, and gpg to verify new ones (for which the package of
        # SpamAssassin imports a key as it is installed, and gpg asks its agent).
        "spamkeeper": (
            "spamassassin",
            "spamd",
            "libmail-spf-perl",
            "libmail-dkim-perl",
            "gpg",
            "gpg-agent",
        ),
        "postfix": ("postfix",),
    },
)

ALPINE: Final = Base(
    name="alpine",
    image="docker.io/library/alpine:3.24",
    install="apk add --no-cache",
    tidy="rm -rf /usr/share/man /usr/share/doc",
    account=(
        "addgroup -S -g {uid} {name} && adduser -S -D -H -h /nonexistent -s /sbin/nologin "
        "-u {uid} -G {name} {name}"
    ),
    prepare="",
    # Busybox has a setpriv, too, which cannot end a program with its parent.
    python=("python3", "ca-certificates", "setpriv"),
    python_build=("python3", "py3-pip", "ca-certificates"),
    packages={
        "resolver": ("unbound", "dnssec-root"),
        "dovecot": (
            "dovecot",
            "dovecot-lmtpd",
            "dovecot-pigeonhole-plugin",
            "dovecot-lua",
            # Alpine 3.18 built it with 5.3; which of the two 3.24 has, was not to be seen.
            "lua5.3-socket",
            "lua5.3-cjson",
            "lua5.4-socket",
            "lua5.4-cjson",
            "socat",
        ),
        # With prlimit(1), under which users' scripts and rules are checked.
        "managesieve": ("dovecot", "dovecot-pigeonhole-plugin", "util-linux-misc"),
        # Built without Lua, so there is nothing to add for scripts.
        "opendkim": ("opendkim",),
        "postgrey": ("postgrey",),
        "spamd": ("spamassassin", "perl-mail-spf", "perl-mail-dkim"),
        "spamkeeper": (
            "spamassassin",
            "perl-mail-spf",
            "perl-mail-dkim",
            "gnupg",
            "util-linux-misc",
        ),
        "postfix": ("postfix",),
    },
    links={
        "resolver": {"/usr/share/dns/root.key": "/usr/share/dnssec-root/trusted-key.key"},
        "postgrey": {
            "/etc/postgrey/whitelist_clients": "/etc/postfix/postgrey_whitelist_clients",
            "/etc/postgrey/whitelist_recipients": "/etc/postfix/postgrey_whitelist_recipients",
        },
    },
)

BASES: Final = {base.name: base for base in (DEBIAN, ALPINE)}
