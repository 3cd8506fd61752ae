"""What the daemons ask: the mail rules over a store.

Every lookup is synchronous, takes microseconds, and never raises: what cannot be told is
``Unavailable``. Which rule applies to an address is in ``model/routing.py``; where aliases end in
``model/expansion.py``. Here is what each answer means to the one who asks.

A disabled user has no login, and mail is refused (NotFound) rather than kept for nobody to read;
an alias of the same address still works, so a successor can get it. A disabled domain is as if it
were not hosted.
"""

import json
import time
from dataclasses import dataclass, field

from mailstack.directory.answers import CannotTell, answered
from mailstack.directory.keys import address_key, domain_key
from mailstack.model.addresses import parse_address, split_address, without_tag
from mailstack.model.expansion import Expansion, Recipient
from mailstack.model.routing import DOMAIN, Route, route
from mailstack.model.srs import Srs, is_rewritten
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.store.contract import Lookups

NOT_FOUND = NotFound()
NO_KEY = Found("-")
"""The domain is ours, and the stack's one key signs for it."""
ROLES = frozenset({"postmaster", "abuse"})
"""Every domain must take mail for these (RFC 5321 4.5.1, RFC 2142 4)."""
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Login:
    """What Dovecot needs to know of a user. ``quota`` in octets; None is the default."""

    address: str
    password: str = field(repr=False)
    quota: int | None


class Directory:
    """Answers about domains, mailboxes, aliases, senders, logins and scripts.

    Args:
        store: what is stored.
        delimiter: begins a tag: ``user+tag@domain``.
        owner_email: gets postmaster@ and abuse@ of every domain that sets neither.
        srs: rewrites the senders of what is forwarded; without it nothing is.
    """

    def __init__(
        self, store: Lookups, *, delimiter: str, owner_email: str, srs: Srs | None = None
    ) -> None:
        self._store = store
        self._entries = store.entries
        self._is_plain_user = store.is_plain_user
        self._delimiter = delimiter
        self._owner = parse_address(owner_email)
        self._srs = srs

    @answered
    def domain(self, name: str) -> Outcome[str]:
        """The domain itself, if mail for it is taken here."""
        key = domain_key(name)
        for _, kind, enabled, _ in self._entries(key, "", ""):
            if kind == DOMAIN and enabled:
                return Found(key)
        return NOT_FOUND

    @answered
    def signing_key(self, key: str) -> Outcome[str]:
        """Which key signs for a domain: ``ALGORITHM:DOMAIN`` → ``SELECTOR SEALED``.

        ``-`` for a domain of ours that has none of its own; NotFound if it is not ours.
        """
        algorithm, _, domain = key.partition(":")
        text = self._store.dkim(domain_key(domain))
        if text is None:
            return NOT_FOUND
        for one in json.loads(text)["keys"] if text else ():
            if one["algorithm"] == algorithm and one["state"] == "signing":
                return Found(f"{one['selector']} {one['private']}")
        return NO_KEY

    @answered
    def mailbox(self, address: str) -> Outcome[str]:
        """The user's address, if mail for this one reaches a mailbox of its own name."""
        local, domain = address_key(address)
        if local.isascii() and self._is_plain_user(domain, local):
            return Found(f"{local}@{domain}")
        local, domain, found = self._route(address)
        if not (found.hosted and found.user and local and local.isascii()):
            return NOT_FOUND  # a tag beyond ASCII would not pass Dovecot's LMTP
        if found.targets and not self._keeps_copy(domain, found):
            return NOT_FOUND
        return Found(f"{found.local}@{domain}")

    @answered
    def alias(self, address: str) -> Outcome[tuple[str, ...]]:
        """Where its mail goes instead, to the end of all aliases; NotFound for a plain mailbox."""
        if is_rewritten(address):
            return self._bounced(address)
        local, domain, found = self._route(address)
        if not (found.hosted and local and (found.targets or self._falls_to_owner(local, found))):
            return NOT_FOUND  # nearly always: the address of a user, or of nobody
        if recipients := self._recipients(local, domain, found):
            return Found(tuple(recipients))
        if self._falls_to_owner(local, found):
            raise CannotTell(f"{address} goes to {self._owner}, which takes no mail: add that user")
        return NOT_FOUND

    @answered
    def senders(self, address: str) -> Outcome[tuple[str, ...]]:
        """The logins that may send as this address: who gets its mail, and that user."""
        local, domain, found = self._route(address)
        if not (found.hosted and local):
            return NOT_FOUND
        if found.user and not found.targets:
            return Found((f"{found.local}@{domain}",))
        logins = {f"{found.local}@{domain}": None} if found.user else {}
        recipients = self._recipients(local, domain, found)
        logins |= {recipient.user: None for recipient in recipients.values() if recipient.user}
        return Found(tuple(logins)) if logins else NOT_FOUND

    @answered
    def forwarded(self, sender: str) -> Outcome[str]:
        """The sender with which mail of ``sender`` leaves for the outside; NotFound: the same one.

        Mail of our own domains leaves as it is, as does what has no sender (a bounce).
        """
        local, domain = address_key(sender)
        if not local or self._srs is None or isinstance(self.domain(domain), Found):
            return NOT_FOUND
        found = self._srs.forward(f"{local}@{domain}", _today())
        return Found(found) if found else NOT_FOUND

    @answered
    def passdb(self, login: str) -> Outcome[Login]:
        """Who may log in, with the hash of the password."""
        local, domain = address_key(login)
        found = self._store.credentials(domain, local) if local else None
        if found is None or not found.enabled:
            return NOT_FOUND
        return Found(Login(f"{local}@{domain}", found.password, found.quota))

    userdb = passdb
    """Dovecot asks both; the one without the password is the caller's choice of fields."""

    @answered
    def users(self, after: str = "", limit: int = 1000) -> Outcome[tuple[str, ...]]:
        """The next logins after an address, ordered by domain; an empty tuple at the end."""
        return Found(tuple(self._store.logins(after, limit)))

    @answered
    def sieve_active(self, login: str) -> Outcome[str]:
        """The id of the script that runs for a user: the one in force, else the domain's."""
        own = self._script_id(login, None)
        if isinstance(own, Found):
            return own
        _, domain = address_key(login)
        return self._script_id(f"@{domain}", None)

    @answered
    def sieve_script(self, login: str, name: str) -> Outcome[str]:
        """The id of a script of a user by its name."""
        return self._script_id(login, name)

    @answered
    def sieve_text(self, login: str, script_id: str) -> Outcome[str]:
        """The text of a script.

        Only who has just asked knows an id, so one that is not there was replaced in between:
        that is no answer, and asking again gives one.
        """
        local, domain = address_key(login)
        text = self._store.script_text(f"{local}@{domain}", script_id)
        if text is None:
            text = self._store.script_text(f"@{domain}", script_id)
        return Unavailable(f"script {script_id} was replaced") if text is None else Found(text)

    def _script_id(self, login: str, name: str | None) -> Outcome[str]:
        local, domain = address_key(login)
        for script in self._store.scripts(f"{local}@{domain}"):
            if script.active if name is None else script.name == name:
                return Found(script.id)
        return NOT_FOUND

    def _bounced(self, address: str) -> Outcome[tuple[str, ...]]:
        """To whom a bounce goes whose recipient is a sender that was rewritten here."""
        local, domain = address_key(address)
        if self._srs is None or domain != self._srs.domain:
            return NOT_FOUND
        found = self._srs.reverse(local, _today())
        return Found((found,)) if found else NOT_FOUND

    def _route(self, address: str) -> tuple[str, str, Route]:
        local, domain = address_key(address)
        base = without_tag(local, self._delimiter)
        return local, domain, route(self._entries(domain, local, base), local, base)

    def _recipients(self, local: str, domain: str, found: Route) -> dict[str, Recipient]:
        """Ends of the alias that takes the mail; none if that is a user, or nobody."""
        base = without_tag(local, self._delimiter)
        is_role = base in ROLES
        recipients: dict[str, Recipient] = {}
        if found.targets and (found.local or not is_role):
            # A catch-all's targets get no tag: what was caught is not a tag of theirs.
            tag = local[len(base) :] if found.local == base and local.isascii() else ""
            recipients = self._expand(domain, found, tag)
        if not recipients and self._falls_to_owner(local, found):
            return self._expand(domain, found._replace(local=base, targets=self._owner), "")
        return recipients

    def _expand(self, domain: str, found: Route, tag: str) -> dict[str, Recipient]:
        walk = Expansion(self._entries, self._delimiter)
        walk.follow(domain, found, tag)
        if walk.too_large:
            raise CannotTell(f"{found.local}@{domain} comes to too many recipients")
        return walk.recipients

    def _keeps_copy(self, domain: str, found: Route) -> bool:
        """Whether an alias names the mailbox of its own address."""
        for target in found.targets.split(" "):
            local, target_domain = split_address(target)
            names = (local, without_tag(local, self._delimiter))
            if target_domain == domain and found.local in names:
                return True
        return False

    def _falls_to_owner(self, local: str, found: Route) -> bool:
        """Whether it is an address every domain must have, and no user's mailbox takes it."""
        if found.user and not found.targets:
            return False
        return local in ROLES or without_tag(local, self._delimiter) in ROLES


def _today() -> int:
    return int(time.time()) // DAY_S
