"""One order of a certificate, by certbot's ``acme`` library.

Blocking, and heavy: whoever serves something runs it in a process or thread beside. A name that
cannot be proved is left out and told, so that one domain whose DNS points elsewhere does not cost
all others their certificate; the server's own name must be proved.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import requests
from acme import client, crypto_util, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.errors import DeserializationError
from josepy.jwk import JWKRSA

from mailstack.aio.files import replace_text
from mailstack.errors import MailstackError

TIMEOUT_S: Final = 30
"""For one answer of the authority."""
PROOF_S: Final = 90.0
"""For all names to be looked at."""
NONCE_TRIES: Final = 3
"""Orders that are begun anew because a nonce was refused."""
MAX_NAMES: Final = 100
"""Of one certificate at Let's Encrypt."""
_PRIVATE: Final = 0o600


class OrderFailed(MailstackError):
    """No certificate came of it; the one in force stays."""


class Prover(Protocol):
    """Shows the authority that a name is ours."""

    @property
    def kind(self) -> str:
        """``http-01`` or ``dns-01``."""

    def show(self, name: str, token: str, answer: str) -> None:
        """Publish the answer; it is there when this returns.

        Raises:
            MailstackError: it could not be published.
        """

    def hide(self, name: str, token: str, answer: str) -> None:
        """Take it away again. Never raises."""


@dataclass(frozen=True, slots=True)
class Authority:
    directory: str
    ca_file: str
    email: str
    account: Path
    """File of the account's key, made at the first order."""


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: str
    key: str
    dropped: Mapping[str, str]
    """Name that is not in it → why."""


def obtain(authority: Authority, names: Sequence[str], prover: Prover) -> Issued:
    """Order a certificate for ``names``; the first must be in it.

    Raises:
        OrderFailed: says in one line who said no, and what to do.
    """
    try:
        return _again(lambda: _obtain(authority, names, prover))
    except requests.exceptions.SSLError as error:
        raise OrderFailed(
            f"{authority.directory} shows a certificate that is not trusted",
            advice="see acme.directory, and acme.ca_file for an authority of your own",
        ) from error
    except requests.RequestException as error:
        raise OrderFailed(
            f"{authority.directory} cannot be reached: {type(error).__name__}",
            advice="see that this machine reaches it, then do it again",
        ) from error
    except (errors.Error, DeserializationError, messages.Error, ValueError) as error:
        raise OrderFailed(
            f"{authority.directory} refused: {_words(error)}",
            advice="do what it says, then do it again; acme.staging = true is for trying",
        ) from error


def _again(order: Callable[[], Issued]) -> Issued:
    """Order anew where a nonce was refused (RFC 8555 6.5), which the library does but once."""
    for _ in range(NONCE_TRIES):
        try:
            return order()
        except messages.Error as error:
            if error.code != "badNonce":
                raise
    return order()


def _obtain(authority: Authority, names: Sequence[str], prover: Prover) -> Issued:
    acme = _registered(authority)
    private = ec.generate_private_key(ec.SECP256R1())
    key = _pem(private)
    dropped = dict.fromkeys(names[MAX_NAMES:], f"a certificate holds {MAX_NAMES} names")
    wanted = list(names[:MAX_NAMES])
    while True:
        order = acme.new_order(crypto_util.make_csr(key, wanted))
        failed = _prove(acme, order, prover)
        if names[0] in failed:
            raise OrderFailed(
                f"{names[0]} cannot be proved to be ours: {failed[names[0]]}",
                advice="see that its address is this machine's, or use another acme.challenge",
            )
        if not failed:
            break
        dropped |= failed
        wanted = [name for name in wanted if name not in failed]
    done = acme.poll_and_finalize(order, _deadline())
    return Issued(done.fullchain_pem, key.decode(), dropped)


def _registered(authority: Authority) -> client.ClientV2:
    key = JWKRSA(key=_account_key(authority.account))
    network = client.ClientNetwork(key, user_agent="mailstack", timeout=TIMEOUT_S)
    if authority.ca_file:
        network.verify_ssl = authority.ca_file  # type: ignore[assignment] # requests takes a path
    acme = client.ClientV2(client.ClientV2.get_directory(authority.directory, network), network)
    wanted = messages.NewRegistration.from_data(email=authority.email, terms_of_service_agreed=True)
    try:
        acme.new_account(wanted)
    except errors.ConflictError as conflict:  # it is there from before
        body = messages.Registration()
        known = messages.RegistrationResource(uri=conflict.location, body=body)
        network.account = known
    return acme


def _account_key(file: Path) -> rsa.RSAPrivateKey:
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_text(file, _pem(made).decode(), mode=_PRIVATE, durable=True)
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise OrderFailed(f"{file} holds no RSA key", advice="remove it; a new account is made")
    return key


def _prove(acme: client.ClientV2, order: messages.OrderResource, prover: Prover) -> dict[str, str]:
    """Prove all names at once; return those that failed, and why."""
    failed: dict[str, str] = {}
    with ExitStack() as shown:
        for found in order.authorizations:
            name = found.body.identifier.value
            if found.body.status == messages.STATUS_VALID:
                continue
            try:
                _answer(acme, found, prover, shown)
            except MailstackError as error:
                failed[name] = str(error)
        try:
            if len(failed) < len(order.authorizations):
                _wait(acme, order, failed)
        except errors.ValidationError as error:
            failed |= {one.body.identifier.value: _why(one) for one in error.failed_authzrs}
    return failed


def _wait(acme: client.ClientV2, order: messages.OrderResource, failed: Mapping[str, str]) -> None:
    """Wait for the authority's view of every name but those that were never shown to it."""
    urls = [a.uri for a in order.authorizations if a.body.identifier.value not in failed]
    body = order.body.update(authorizations=urls)
    acme.poll_authorizations(order.update(body=body), _deadline())


def _answer(
    acme: client.ClientV2,
    found: messages.AuthorizationResource,
    prover: Prover,
    shown: ExitStack,
) -> None:
    name = found.body.identifier.value
    for challenge in found.body.challenges:
        if challenge.chall.typ == prover.kind:
            break
    else:
        raise OrderFailed(f"the authority does not offer {prover.kind} for it")
    response, validation = challenge.chall.response_and_validation(acme.net.key)
    # in dns-01 the name of the token stands nowhere: the record holds the digest alone
    token = "" if prover.kind == "dns-01" else challenge.chall.encode("token")
    shown.enter_context(_showing(prover, name, token, validation))
    acme.answer_challenge(challenge, response)


@contextmanager
def _showing(prover: Prover, name: str, token: str, answer: str) -> Iterator[None]:
    prover.show(name, token, answer)
    try:
        yield
    finally:
        prover.hide(name, token, answer)


def _why(found: messages.AuthorizationResource) -> str:
    told = [c.error for c in found.body.challenges if c.error is not None]
    return _words(told[0]) if told else f"it is {found.body.status}"


def _words(error: Exception) -> str:
    detail = error.detail if isinstance(error, messages.Error) else str(error)
    return " ".join(str(detail or type(error).__name__).split())[:300]


def _deadline() -> dt.datetime:
    # acme compares with the local clock's naive time
    return dt.datetime.now() + dt.timedelta(seconds=PROOF_S)  # noqa: DTZ005


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
