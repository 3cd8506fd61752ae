"""The owner's settings: ``mailstack.toml``, typed, each with its default and the reason for it.

The reference page and the sample file are generated from this module. Unknown keys are errors.
Reading files and command lines happens in ``settings_file.py``; here are only the types.
Longer than most files here, because it is one table.
"""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from mailstack.model.addresses import parse_address
from mailstack.model.domains import parse_domain
from mailstack.model.octets import parse_octets
from mailstack.settings_acme import Acme
from mailstack.settings_dkim import Dkim
from mailstack.settings_dns import Dns
from mailstack.settings_doctor import Doctor
from mailstack.settings_identity import Identity
from mailstack.settings_kubernetes import Kubernetes
from mailstack.settings_names import Names
from mailstack.settings_reports import Reports
from mailstack.settings_section import Section
from mailstack.settings_tls_policy import TlsPolicy

_RELAYHOST = re.compile(r"(\[[\w.:-]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII)
_DNSBL_WEIGHT = re.compile(r"\*(-?\d+)$")


def _octets(value: object) -> object:
    return parse_octets(value) if isinstance(value, str) else value


Octets = Annotated[int, BeforeValidator(_octets), Field(ge=0)]
"""A number of octets; written as 2GiB, 500MB or a plain number."""


def _public(text: str) -> str:
    return str(ip_address(text))


def _network(text: str) -> str:
    network = ip_network(text)
    if not network.prefixlen:
        raise ValueError(f"{text!r} is everybody: name the networks of the load balancers")
    return str(network)


class Listen(Section):
    """Where the stack listens on one machine."""

    address: str = Field(
        default="all",
        description="IP address of the public ports; 'all' is every IPv4 and IPv6 address.",
    )
    port_offset: int = Field(
        default=0,
        ge=0,
        le=24_955,
        description="Added to every port, so that several stacks share a machine. 0 in production.",
    )

    public_addresses: tuple[Annotated[str, AfterValidator(_public)], ...] = Field(
        default=(),
        description="IP addresses at which the world reaches this server, for its A and AAAA "
        "records. Unset: those of this machine that are public; behind NAT none is, so name them.",
    )
    proxy_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(),
        description="Networks of load balancers that speak the PROXY protocol (version 1 or 2): on "
        "Postfix's public ports, which all others must be kept from (on a cluster a policy does); "
        "for IMAP and ManageSieve on ports of their own (docs/reference/topology.md), which hang "
        "up on all others; on a cluster, and with compose, the public ports then lead to them.",
    )

    @field_validator("address")
    @classmethod
    def _an_address(cls, value: str) -> str:
        return value if value == "all" else str(ip_address(value))


class Smtp(Section):
    """What Postfix accepts and refuses."""

    dnsbl_sites: tuple[str, ...] = Field(
        default=("zen.spamhaus.org=127.0.0.[2..11]*3", "bl.spamcop.net*2", "psbl.surriel.com*2"),
        description="DNS blocklists asked about each new client, as postscreen_dnsbl_sites(5). "
        "Empty: none is asked.",
    )
    dnsbl_threshold: int = Field(
        default=3, ge=1, description="Sum of weights from which a listed client is refused."
    )
    max_message_octets: Octets = Field(
        default=50 * 1024**2, description="Largest message accepted; 50 MiB holds what others send."
    )
    max_recipients: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Recipients of one message (RFC 5321 4.5.3.1.8: at least 100).",
    )
    relayhost: str = Field(
        default="",
        description="Smarthost for outgoing mail, as [HOST]:PORT; empty: deliver directly.",
    )

    rewrite_senders: bool = Field(
        default=True,
        description="What an alias forwards to the outside leaves with a sender of the primary "
        "domain (SRS): the stranger's own would fail SPF, as this is no server of theirs.",
    )

    @field_validator("relayhost")
    @classmethod
    def _a_host(cls, value: str) -> str:
        if value and not _RELAYHOST.fullmatch(value):
            raise ValueError(f"{value!r} is not [HOST]:PORT; e.g. [relay.example.net]:2525")
        return value

    @model_validator(mode="after")
    def _threshold_can_be_reached(self) -> "Smtp":
        weights = [_DNSBL_WEIGHT.search(site) for site in self.dnsbl_sites]
        most = sum(max(0, int(match[1])) if match else 1 for match in weights)
        if self.dnsbl_sites and most < self.dnsbl_threshold:
            raise ValueError(
                f"dnsbl_threshold is {self.dnsbl_threshold}, but all dnsbl_sites together weigh "
                f"{most}: no client would ever be refused"
            )
        return self


class Submission(Section):
    """What users may send."""

    max_recipients_per_day: int = Field(
        default=500,
        ge=0,
        le=1_000_000,
        description="Recipients of one login within 24 hours: more than people write to, little "
        "for who stole a password. 0: no limit.",
    )
    check_from: bool = Field(
        default=True,
        description="Refuse a message whose From field is not an address of the login that sends "
        "it: it is what people see, and the envelope alone does not bind it.",
    )


class Greylist(Section):
    """Greylisting of unknown senders."""

    enabled: bool = Field(
        default=True, description="Whether unknown senders are asked to come again."
    )
    delay: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="Seconds before a retry is accepted. Real servers retry later.",
    )


class Filter(Section):
    """Between queue and mailbox: the content filter."""

    enabled: bool = Field(
        default=True, description="Scan messages. false: everything is delivered unscanned."
    )
    on_failure: Literal["defer", "deliver"] = Field(
        default="defer",
        description="When spamd does not answer: keep the message queued, or deliver it unscanned.",
    )
    max_scan_octets: Octets = Field(
        default=1024**2, description="Larger messages are not scanned, and say so; spam is small."
    )
    scan_timeout_s: float = Field(
        default=120.0,
        gt=0,
        le=280,
        description="Seconds for one scan, below Postfix's own wait of 300.",
    )
    reject_score: float | None = Field(
        default=None,
        ge=5,
        le=1000,
        description="Refuse a message with so many points before it is taken, if it is spam to "
        "every one of its recipients; it is scanned twice then. Unset: nothing is refused for what "
        "it says, spam goes to Spam.",
    )


class Spam(Section):
    """SpamAssassin."""

    threshold: float = Field(
        default=5.0, ge=1.0, le=50, description="Score from which a message is spam."
    )
    children: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Scans at once; each child needs about 40 MiB of its own.",
    )
    network_tests: bool = Field(
        default=True, description="Ask blocklists and SPF/DKIM over DNS. false: local rules only."
    )
    update_rules: bool = Field(
        default=True,
        description="Fetch SpamAssassin's new rules each night (sa-update). What does not pass its "
        "check is not used; without internet the rules that are there stay.",
    )
    update_hour: int = Field(
        default=4, ge=0, le=23, description="Hour of the local day in which that is done."
    )
    keep_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Days after which a message in Spam is removed; time enough to find what was "
        "filed by mistake. 0: it stays.",
    )
    bayes_from: int = Field(
        default=200,
        ge=10,
        le=10_000,
        description="Messages of each kind, wanted and spam, that must be learnt before training "
        "counts. SpamAssassin's own number; with fewer it would guess.",
    )
    train_hour: int = Field(
        default=3,
        ge=0,
        le=23,
        description="Hour of the local day in which each user's mail is learnt from; mail is "
        "quiet at three.",
    )
    train_parallel: int = Field(
        default=2,
        ge=1,
        le=32,
        description="Users learnt from at once; each keeps one child of spamd busy.",
    )
    grace_minutes: int = Field(
        default=60,
        ge=0,
        le=10_080,
        description="A younger message is not learnt yet: its user may not have seen it. "
        "What a user moves to Spam counts at once.",
    )


class Couchmail(Section):
    """Who answers lookups of domains, mailboxes and aliases."""

    lookup_processes: int = Field(
        default=0,
        ge=0,
        le=16,
        description="Processes that answer. 0: two, on a machine with two processors or more; "
        "each further one takes some 10 MiB, and up to 26 MiB more with a million users.",
    )


class Mailbox(Section):
    """What users get."""

    delimiter: str = Field(
        default="+",
        pattern=r"^[-+_=.]$",
        description="Between a user's name and a tag: user+tag@domain reaches user@domain.",
    )
    default_quota: Octets | None = Field(
        default=None, description="Quota of users that have none of their own; unset: unlimited."
    )


class Sieve(Section):
    """Users' own delivery rules."""

    max_scripts: int = Field(
        default=32, ge=1, le=1000, description="Scripts of one user; one of them is in force."
    )
    max_script_octets: Octets = Field(
        default=256 * 1024,
        ge=1024,
        le=1024**2,
        description="Size of one script. Dovecot runs none above 1 MiB.",
    )


class Settings(Section):
    """The whole of ``mailstack.toml``."""

    project: str = Field(
        default="mailstack",
        pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        description="Name of this installation: the namespace, or the project in a cloud.",
    )
    region: str = Field(default="", description="Cloud region, for the cluster helpers.")
    zone: str = Field(default="", description="Cloud zone, for the cluster helpers.")
    email: str = Field(
        description="The owner's address: gets postmaster@ and abuse@ of every domain, and is "
        "named to the certificate authority."
    )
    domain: str = Field(description="The primary domain; it exists from the first start.")
    hostname: str = Field(
        default="", description="This server's name in SMTP, TLS and DNS; unset: mail.DOMAIN."
    )
    listen: Listen = Listen()
    smtp: Smtp = Smtp()
    submission: Submission = Submission()
    greylist: Greylist = Greylist()
    dns: Dns = Dns()
    tls_policy: TlsPolicy = TlsPolicy()
    acme: Acme = Acme()
    names: Names = Names()
    filter: Filter = Filter()
    spam: Spam = Spam()
    dkim: Dkim = Dkim()
    identity: Identity = Identity()
    reports: Reports = Reports()
    couchmail: Couchmail = Couchmail()
    mailbox: Mailbox = Mailbox()
    sieve: Sieve = Sieve()
    doctor: Doctor = Doctor()
    kubernetes: Kubernetes = Kubernetes()

    @model_validator(mode="before")
    @classmethod
    def _default_hostname(cls, data: object) -> object:
        if isinstance(data, dict) and not data.get("hostname") and data.get("domain"):
            return {**data, "hostname": f"mail.{data['domain']}"}
        return data

    @model_validator(mode="after")
    def _proxies_are_named(self) -> "Settings":
        if self.kubernetes.client_address == "proxy" and not self.listen.proxy_networks:
            raise ValueError(
                'kubernetes.client_address = "proxy" needs listen.proxy_networks: whoever may '
                "speak the PROXY protocol may claim any address"
            )
        return self

    @field_validator("domain", "hostname")
    @classmethod
    def _a_domain(cls, value: str) -> str:
        return parse_domain(value)

    @field_validator("email")
    @classmethod
    def _an_address(cls, value: str) -> str:
        return parse_address(value)
