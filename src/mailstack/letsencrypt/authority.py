"""The certificate authority, and our account there (RFC 8555 7.3), by certbot's library."""

from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Any, Final

import requests
from acme import client, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.jwk import JWKRSA

from mailstack.aio.files import replace_text
from mailstack.errors import MailstackError

TIMEOUT_S: Final = 30
"""For one answer."""
NONCE_TRIES: Final = 3
"""Of one request whose nonce is refused (RFC 8555 6.5), each of which acme makes twice."""
MAX_WAIT_S: Final = 7 * 24 * 3600.0
"""Longest wait that an authority is believed; the longest limit of Let's Encrypt is a week."""
ACCOUNT_URI: Final = "account.uri"
"""File beside the account's key that says where the account is; ``dns/facts.py`` reads it."""
_PRIVATE: Final = 0o600


class OrderFailed(MailstackError):
    """No certificate came of it; the one in force stays."""

    def __init__(self, what: str, *, advice: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(what, advice=advice)
        self.retry_after_s = retry_after_s
        """The authority's own wish (RFC 8555 6.6); 0: it has none."""


@dataclass(frozen=True, slots=True)
class Authority:
    directory: str
    ca_file: str
    email: str
    account: Path
    """File of the account's key, made at the first order."""


class Network(client.ClientNetwork):
    """Asks again where a nonce was refused; remembers how long the authority wants to be left."""

    def __init__(self, key: JWKRSA, ca_file: str) -> None:
        super().__init__(key, user_agent="mailstack", timeout=TIMEOUT_S)
        if ca_file:
            self.verify_ssl = ca_file  # type: ignore[assignment] # requests takes a path
        self.retry_after_s = 0.0
        self.session.hooks["response"].append(self._note)

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - as there
        for _ in range(NONCE_TRIES - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)

    def _note(self, response: requests.Response, *_: Any, **__: Any) -> None:  # noqa: ANN401
        self.retry_after_s = 0.0
        if not response.ok:
            self.retry_after_s = seconds(response.headers.get("Retry-After", ""))


def seconds(text: str) -> float:
    """Read Retry-After: seconds or a date (RFC 9110 10.2.3); 0 where it is neither."""
    try:
        wanted = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp()
    except ValueError:
        return 0.0
    return min(max(wanted if text.isdecimal() else wanted - time(), 0.0), MAX_WAIT_S)


def network_for(authority: Authority) -> Network:
    """Prepare to speak as our account; its key is made if there is none.

    Raises:
        OrderFailed: the file holds no such key.
    """
    return Network(JWKRSA(key=account_key(authority.account)), authority.ca_file)


def registered(authority: Authority, network: Network) -> client.ClientV2:
    """Log in with our account; it is made at the first time."""
    acme = client.ClientV2(client.ClientV2.get_directory(authority.directory, network), network)
    wanted = messages.NewRegistration.from_data(email=authority.email, terms_of_service_agreed=True)
    try:
        acme.new_account(wanted)
    except errors.ConflictError as conflict:  # it is there from before
        body = messages.Registration()
        known = messages.RegistrationResource(uri=conflict.location, body=body)
        network.account = known
    _note_account(authority, network)
    return acme


def _note_account(authority: Authority, network: Network) -> None:
    """Write down where the account is, for those who publish it (RFC 8657)."""
    account = network.account
    with suppress(OSError):
        if account is not None:
            file = authority.account.with_name(ACCOUNT_URI)
            replace_text(file, f"{account.uri}\n", mode=_PRIVATE)


def account_key(file: Path) -> rsa.RSAPrivateKey:
    """Read the key of our account, or make it.

    Raises:
        OrderFailed: the file holds something else.
    """
    try:
        if not file.exists():
            made = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_text(file, pem(made).decode(), mode=_PRIVATE, durable=True)
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise OrderFailed(f"{file} cannot be used: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise _no_key(file) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _no_key(file)
    return key


def _no_key(file: Path) -> OrderFailed:
    return OrderFailed(
        f"{file} holds no RSA key of an account", advice="remove it; a new account is made"
    )


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Spell a private key, PKCS #8, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
