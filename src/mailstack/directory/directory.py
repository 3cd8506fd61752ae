"""What the daemons ask: the mail rules over a store.

Every lookup is synchronous, takes microseconds, and never raises: what cannot be told is
``Unavailable``. Which rule applies to an address is in ``model/routing.py``; where aliases end in
``model/expansion.py``. Here is what each answer means to the one who asks.

A disabled user has no login, and mail is refused (NotFound) rather than kept for nobody to read;
an alias of the same address still works, so a successor can get it. A disabled domain is as if it
were not hosted.
"""

from dataclasses import dataclass, field

from mailstack.directory.answers import answered
from mailstack.directory.keys import address_key, domain_key
from mailstack.model.addresses import parse_address, split_address, without_tag
from mailstack.model.expansion import Expansion, Recipient
from mailstack.model.routing import DOMAIN, Route, route
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.store.contract import Store

NOT_FOUND = NotFound()
ROLES = frozenset({"postmaster", "abuse"})
"""Every domain must take mail for these (RFC 5321 4.5.1, RFC 2142 4)."""


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
    """

    def __init__(self, store: Store, *, delimiter: str, owner_email: str) -> None:
        self._store = store
        self._delimiter = delimiter
        self._owner = parse_address(owner_email)

    @answered
    def domain(self, name: str) -> Outcome[str]:
        """The domain itself, if mail for it is taken here."""
        key = domain_key(name)
        for _, kind, enabled, _ in self._store.entries(key, "", ""):
            if kind == DOMAIN and enabled:
                return Found(key)
        return NOT_FOUND

    @answered
    def mailbox(self, address: str) -> Outcome[str]:
        """The user's address, if mail for this one reaches a mailbox of its own name."""
        local, domain, found = self._route(address)
        if not (found.hosted and found.user and local):
            return NOT_FOUND
        if found.targets and not self._keeps_copy(domain, found):
            return NOT_FOUND
        return Found(f"{found.local}@{domain}")

    @answered
    def alias(self, address: str) -> Outcome[tuple[str, ...]]:
        """Where its mail goes instead, to the end of all aliases; NotFound for a plain mailbox."""
        local, domain, found = self._route(address)
        if not (found.hosted and local):
            return NOT_FOUND
        if self._is_role(local, found):
            return self._owner_gets(f"{local}@{domain}")
        if not found.targets:
            return NOT_FOUND
        recipients = self._expand(local, domain, found)
        if isinstance(recipients, Unavailable):
            return recipients
        return Found(tuple(recipients)) if recipients else NOT_FOUND

    @answered
    def senders(self, address: str) -> Outcome[tuple[str, ...]]:
        """The logins that may send as this address: who gets its mail, and that user."""
        local, domain, found = self._route(address)
        if not (found.hosted and local):
            return NOT_FOUND
        if self._is_role(local, found):
            logins = self._owner_logins()
        else:
            logins = {f"{found.local}@{domain}": None} if found.user else {}
        if found.targets:
            recipients = self._expand(local, domain, found)
            if isinstance(recipients, Unavailable):
                return recipients
            logins |= {r.user: None for r in recipients.values() if r.user}
        return Found(tuple(logins)) if logins else NOT_FOUND

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
        """The id of the script that runs for a user."""
        return self._script_id(login, None)

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
        return Unavailable(f"script {script_id} was replaced") if text is None else Found(text)

    def _script_id(self, login: str, name: str | None) -> Outcome[str]:
        local, domain = address_key(login)
        for script in self._store.scripts(f"{local}@{domain}"):
            if script.active if name is None else script.name == name:
                return Found(script.id)
        return NOT_FOUND

    def _route(self, address: str) -> tuple[str, str, Route]:
        local, domain = address_key(address)
        base = without_tag(local, self._delimiter)
        return local, domain, route(self._store.entries(domain, local, base), local, base)

    def _expand(self, local: str, domain: str, found: Route) -> dict[str, Recipient] | Unavailable:
        base = without_tag(local, self._delimiter)
        walk = Expansion(self._store.entries, self._delimiter)
        # A catch-all's targets get no tag: what was caught is not a tag of theirs.
        walk.follow(domain, found, local[len(base) :] if found.local == base else "")
        if walk.too_large:
            return Unavailable(f"{local}@{domain} comes to too many recipients")
        return walk.recipients

    def _keeps_copy(self, domain: str, found: Route) -> bool:
        """Whether an alias names the mailbox of its own address."""
        for target in found.targets.split(" "):
            local, target_domain = split_address(target)
            names = (local, without_tag(local, self._delimiter))
            if target_domain == domain and found.local in names:
                return True
        return False

    def _is_role(self, local: str, found: Route) -> bool:
        """Whether the owner gets it: no alias of that very name is set, nor a user who can."""
        if without_tag(local, self._delimiter) not in ROLES:
            return False
        return not found.user if found.local and not found.targets else not found.local

    def _owner_gets(self, address: str) -> Outcome[tuple[str, ...]]:
        if self._owner == address or not self._owner_reachable():
            return Unavailable(
                f"{address} goes to {self._owner}, which has no mailbox: add that user"
            )
        return Found((self._owner,))

    def _owner_reachable(self) -> bool:
        local, domain, found = self._route(self._owner)
        if not found.known or found.user:
            return True
        return bool(found.targets and self._expand(local, domain, found))

    def _owner_logins(self) -> dict[str, None]:
        _, domain, found = self._route(self._owner)
        return {f"{found.local}@{domain}": None} if found.hosted and found.user else {}
