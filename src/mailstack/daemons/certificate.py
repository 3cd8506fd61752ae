"""The certificate and key that a service has in force: its own checked copy of the owner's files.

The owner replaces the two files of ``STATE/secure/tls`` one after the other, and a daemon may start
a process in between. So no daemon reads them there: each has a copy, ``STATE/run/SERVICE/tls``, a
link that is pointed at the new pair in one step once that has passed. The copy belongs to the
account that reads it, which could not read the original after giving up root.

The check is a TLS handshake in memory: what passes can be served. It asks nobody whether the
certificate is trusted, since a self-signed one is good enough between mail servers (RFC 7435).
"""

import os
import re
import secrets
import shutil
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from mailstack.aio.files import point_link
from mailstack.daemons.contract import Site
from mailstack.daemons.program import own, own_folder
from mailstack.errors import ConfigError

CERTIFICATE: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
_MAX_OCTETS: Final = 1024**2
"""A Kubernetes Secret holds no more."""
_STEPS: Final = 8
"""A handshake takes three, whatever the version."""
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL (x509_vfy.h), for which Python has no name."""
FIRST_LIFE_S: Final = (3650 * 24 + 1) * 3600
"""Of the certificate that ``agent/keys.py`` signs at the first start, by which it is known."""
_BLOCK: Final = re.compile(
    "-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL | re.ASCII
)

Pair = Mapping[str, bytes]


class Validity(NamedTuple):
    """From when to when a certificate may be shown, in seconds of the epoch."""

    begins: float
    ends: float

    @property
    def is_first(self) -> bool:
        """Whether it is that of the first start."""
        return self.ends - self.begins == FIRST_LIFE_S


def prepare(site: Site) -> None:
    """Give the service the owner's pair, unless it has one from before.

    One that has expired is taken where there is no other: mail without a valid certificate is
    better than no mail, and ``renew`` says so.

    Raises:
        ConfigError: there is no pair, or its two files do not belong together.
    """
    if site.paths.tls.is_symlink() and site.paths.tls.is_dir():
        return
    folder = _write(site, _read(site))
    try:
        _server(folder, site)
    except ConfigError:
        shutil.rmtree(folder)
        raise
    _put_in_force(site, folder)


def is_used(site: Site) -> bool:
    """Whether the service has a certificate at all."""
    return site.paths.tls.is_dir()


def renew(site: Site) -> bool:
    """Put the owner's pair into force; return whether it is another one than before.

    Raises:
        ConfigError: it cannot be used; the one before stays.
    """
    pair = _read(site)
    folder = _write(site, pair)
    try:
        offered = _handshake(_server(folder, site), pair, site)
    except ConfigError:
        shutil.rmtree(folder)
        raise
    known = all((site.paths.tls / name).read_bytes() == data for name, data in pair.items())
    if known or _steps_back(site, offered):
        shutil.rmtree(folder)
        return False
    _put_in_force(site, folder)
    return True


def _steps_back(site: Site, offered: Validity) -> bool:
    """Whether it is that of the first start, where ACME has brought a better one that still holds.

    On a cluster the first one is applied again with the manifests, until letsencrypt has put its
    own back into the Secret: nobody needs to be shown it in between.
    """
    if not (site.settings.acme.enabled and offered.is_first):
        return False
    shown = validity(site)
    return shown is not None and not shown.is_first and shown.ends > time.time()


def validity(site: Site) -> Validity | None:
    """Read it from the certificate in force, also one that has ended; None: it cannot be told.

    By a handshake as well, because a client of Python's is told the dates in plain words, and a
    library that reads certificates would stay in the memory of each agent.
    """
    try:
        pair = {name: _content(site.paths.tls / name) for name in (CERTIFICATE, KEY)}
        client = _client(pair)
        client.verify_flags |= _NO_CHECK_TIME
        return _dates(_talk(client, _server(site.paths.tls, site)))
    except (ConfigError, OSError, LookupError, ValueError):
        return None


def _dates(client: ssl.SSLObject) -> Validity:
    """Read those that the client has been shown."""
    shown = client.getpeercert() or {}
    begins, ends = (ssl.cert_time_to_seconds(str(shown[n])) for n in ("notBefore", "notAfter"))
    return Validity(begins, ends)


def _original(site: Site, name: str) -> Path:
    return site.paths.secure / "tls" / name


def _read(site: Site) -> Pair:
    return {name: _content(_original(site, name)) for name in (CERTIFICATE, KEY)}


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_OCTETS + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    if len(data) > _MAX_OCTETS:
        raise ConfigError(f"larger than {_MAX_OCTETS} octets", file=file)
    return data


def _write(site: Site, pair: Pair) -> Path:
    """Write a folder that nobody reads yet; what is checked is just what comes into force."""
    folder = site.paths.tls.with_name(f"{site.paths.tls.name}.{secrets.token_hex(4)}")
    own_folder(folder, site.account)
    for name, data in pair.items():
        descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        own(folder / name, site.account)
    return folder


def _put_in_force(site: Site, folder: Path) -> None:
    link = site.paths.tls
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)  # as earlier versions had it
    point_link(link, folder.name)
    for other in link.parent.glob(f"{link.name}.*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _server(folder: Path, site: Site) -> ssl.SSLContext:
    """Load the pair as a daemon does. An encrypted key is refused: nobody could be asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"does not belong to {KEY} beside it"
        else:
            why = f"is no pair of certificate and key with {KEY} beside it: {error.reason or error}"
        raise ConfigError(
            why, file=_original(site, CERTIFICATE), advice="replace both files, unencrypted PEM"
        ) from error
    return context


def _handshake(server: ssl.SSLContext, pair: Pair, site: Site) -> Validity:
    """Be the client, who refuses a certificate that is out of its time."""
    try:
        return _dates(_talk(_client(pair), server))
    except (ssl.SSLError, IndexError) as error:
        words = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error
        raise ConfigError(
            f"cannot be used: {words}",
            file=_original(site, CERTIFICATE),
            advice="replace it and its key by a valid pair",
        ) from error


def _client(pair: Pair) -> ssl.SSLContext:
    """Make a client that trusts this certificate alone; IndexError: there is none."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    blocks = _BLOCK.findall(pair[CERTIFICATE].decode("ascii", "replace"))
    client.load_verify_locations(cadata=blocks[0])
    return client


def _talk(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """Shake hands; return the client's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_side=False),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for step in range(_STEPS):
        try:
            ends[step % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ends[0]
