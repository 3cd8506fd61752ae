"""One order of a certificate (RFC 8555 7.4), by certbot's ``acme`` library.

Blocking, and heavy: whoever serves something runs it in a process beside. A name that is not
signed, or cannot be proved, is left out and told, so that one domain whose DNS points elsewhere
does not cost all others their certificate; the server's own name must be proved.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import DeserializationError

from mailstack.errors import MailstackError
from mailstack.letsencrypt.authority import (
    Authority,
    Network,
    OrderFailed,
    network_for,
    pem,
    registered,
)
from mailstack.letsencrypt.names import MAX_NAMES

PROOF_S: Final = 90.0
"""For all names to be looked at."""


class NothingGained(Exception):
    """Every name that can be proved is in the certificate already."""

    def __init__(self, dropped: Mapping[str, str]) -> None:
        super().__init__()
        self.dropped = dropped


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

    def settle(self, answers: Mapping[str, str]) -> Mapping[str, str]:
        """Wait until all that was shown can be seen; return which names cannot, and why.

        Args:
            answers: name → what was shown for it.
        """

    def hide(self, name: str, token: str, answer: str) -> None:
        """Take it away again. Never raises."""


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: str
    key: str
    dropped: Mapping[str, str]
    """Name that is not in it → why."""


def obtain(
    authority: Authority,
    names: Sequence[str],
    prover: Prover,
    *,
    covered: Collection[str] = (),
    key: str = "",
) -> Issued:
    """Order a certificate for ``names``; the first must be in it.

    Args:
        authority: whom to ask, as whom.
        names: of a hundred at most; further ones are told as left out.
        prover: how names are proved.
        covered: those of a certificate that is good enough unless this one would have more.
        key: of the certificate, PEM; empty: a new one.

    Raises:
        OrderFailed: says in one line who said no, and what to do.
        NothingGained: all that can be proved is covered.
    """
    network = network_for(authority)
    order = _Order(authority, network, prover, frozenset(covered), key or new_key())
    try:
        return order.run(names)
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
            retry_after_s=network.retry_after_s,
        ) from error


def new_key() -> str:
    """Make the key of a certificate: P-256, which each client since TLS 1.2 takes."""
    return pem(ec.generate_private_key(ec.SECP256R1())).decode()


@dataclass(frozen=True, slots=True)
class _Order:
    authority: Authority
    network: Network
    prover: Prover
    covered: frozenset[str]
    key: str

    def run(self, names: Sequence[str]) -> Issued:
        acme = registered(self.authority, self.network)
        key = self.key.encode()
        dropped = dict.fromkeys(names[MAX_NAMES:], f"a certificate holds {MAX_NAMES} names")
        wanted = list(names[:MAX_NAMES])
        while True:
            order, failed = self._attempt(acme, key, wanted)
            if names[0] in failed:
                raise OrderFailed(
                    f"{names[0]} cannot be proved to be ours: {failed[names[0]]}",
                    advice="see that its address is this machine's, or use another acme.challenge",
                )
            dropped |= failed
            wanted = [name for name in wanted if name not in failed]
            if self.covered.issuperset(wanted):
                raise NothingGained(dropped)
            if order is not None and not failed:
                break
        done = acme.poll_and_finalize(order, _deadline())
        return Issued(done.fullchain_pem, self.key, dropped)

    def _attempt(
        self, acme: client.ClientV2, key: bytes, wanted: Sequence[str]
    ) -> tuple[messages.OrderResource | None, dict[str, str]]:
        """Order, and prove; return which names failed, and why. Without them it is done anew."""
        try:
            order = acme.new_order(crypto_util.make_csr(key, list(wanted)))
        except messages.Error as error:
            refused = _refused_names(error, wanted)
            if not refused:
                raise
            return None, refused
        return order, _prove(acme, order, self.prover)


def _refused_names(error: messages.Error, wanted: Sequence[str]) -> dict[str, str]:
    """Names that the authority signs for nobody (RFC 8555 6.7.1), each with its reason."""
    told = {
        one.identifier.value: _words(one)
        for one in error.subproblems or ()
        if one.identifier is not None
    }
    return {name: why for name, why in told.items() if name in wanted}


def _prove(acme: client.ClientV2, order: messages.OrderResource, prover: Prover) -> dict[str, str]:
    """Prove all names at once; return those that failed, and why."""
    failed: dict[str, str] = {}
    with ExitStack() as shown:
        proofs: dict[str, _Proof] = {}
        for found in order.authorizations:
            name = found.body.identifier.value
            if found.body.status == messages.STATUS_VALID:
                continue
            try:
                proofs[name] = _show(acme, found, prover, shown)
            except MailstackError as error:
                failed[name] = str(error)
        # the authority looks once, and a proof that it does not see has failed for good
        failed |= prover.settle({name: proof.validation for name, proof in proofs.items()})
        for name in proofs.keys() - failed.keys():
            acme.answer_challenge(proofs[name].challenge, proofs[name].response)
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


@dataclass(frozen=True, slots=True)
class _Proof:
    """Of one name: what the authority asks, and what answers it."""

    challenge: messages.ChallengeBody
    response: challenges.KeyAuthorizationChallengeResponse
    validation: str


def _show(
    acme: client.ClientV2,
    found: messages.AuthorizationResource,
    prover: Prover,
    shown: ExitStack,
) -> _Proof:
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
    return _Proof(challenge, response, validation)


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
    problem = error.error if isinstance(error, errors.IssuanceError) else error
    if not isinstance(problem, messages.Error):
        return " ".join((str(problem) or type(problem).__name__).split())[:300]
    kind = problem.typ.rpartition(":")[2]
    return f"{' '.join(str(problem.detail or '').split())[:300]} ({kind})"


def _deadline() -> dt.datetime:
    # acme compares with the local clock's naive time
    return dt.datetime.now() + dt.timedelta(seconds=PROOF_S)  # noqa: DTZ005
