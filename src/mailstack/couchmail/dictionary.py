"""What Dovecot may ask of the dict port, and the port itself.

    shared/passdb/LOGIN      JSON: password (a hash with its scheme), user
    shared/userdb/LOGIN      JSON: user, and the quota as this version of Dovecot names it
    shared/userdb/           iterated: every login (``doveadm user '*'``)
    priv/sieve/name/NAME     id of a script of the user; NAME ``active`` is whichever runs
    priv/sieve/data/ID       text of the script with that id

Uid, gid and home are the same rule for every user, so they stand in Dovecot's configuration, not
here. Read only: every transaction is refused at its commit. Keys of ``priv/`` are as Pigeonhole
asks for them (sieve-dict-script.c, 0.5.19 and 2.4).
"""

import json
from collections.abc import Iterator

from mailstack.aio.listener import Connection, Listener
from mailstack.directory import Directory, Login
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import dovecot_dict as wire

PASSDB = "shared/passdb/"
USERDB = "shared/userdb/"
SCRIPT_ID = "priv/sieve/name/"
SCRIPT_TEXT = "priv/sieve/data/"
ACTIVE = "active"
"""The script name that stands for the active script, whatever that is called."""

USERS_AT_ONCE = 500
"""Of an iteration, read from the store in one go: about a millisecond."""
_DOVECOT_2_3 = 3
"""Major version of the dict protocol that Dovecot 2.3 speaks."""
NOT_FOUND = NotFound()


class Dictionary:
    """Answers keys. Shared by all connections; counts what it answered."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.counts: dict[str, dict[type, int]] = {
            name: {Found: 0, NotFound: 0, Unavailable: 0} for name in ("passdb", "userdb", "sieve")
        }

    def lookup(self, key: str, username: str, major: int) -> Outcome[str]:
        """Answer one key. What no key looks like is not found."""
        table, outcome = self._answer(key, username, major)
        if table:
            self.counts[table][type(outcome)] += 1
        return outcome

    def _answer(self, key: str, username: str, major: int) -> tuple[str, Outcome[str]]:
        if key.startswith(PASSDB):
            return "passdb", self._passdb(key[len(PASSDB) :])
        if key.startswith(USERDB):
            return "userdb", self._userdb(key[len(USERDB) :], major)
        if key.startswith(SCRIPT_ID):
            return "sieve", self._script_id(username, key[len(SCRIPT_ID) :])
        if key.startswith(SCRIPT_TEXT):
            return "sieve", self._directory.sieve_text(username, key[len(SCRIPT_TEXT) :])
        return "", NOT_FOUND

    def _passdb(self, login: str) -> Outcome[str]:
        outcome = self._directory.passdb(login)
        if not isinstance(outcome, Found):
            return outcome
        found = outcome.value
        return Found(json.dumps({"password": found.password, "user": found.address}))

    def _userdb(self, login: str, major: int) -> Outcome[str]:
        outcome = self._directory.userdb(login)
        if not isinstance(outcome, Found):
            return outcome
        found = outcome.value
        return Found(json.dumps({"user": found.address, **_quota(found, major)}))

    def _script_id(self, username: str, name: str) -> Outcome[str]:
        if name == ACTIVE:
            return self._directory.sieve_active(username)
        return self._directory.sieve_script(username, name)

    def rows(self, command: wire.Iterate) -> Iterator[bytes]:
        """Yield the reply to an iteration, reading on from the store as the peer takes it."""
        left = command.max_rows or None
        after = ""
        while command.path == USERDB:
            outcome = self._directory.users(after, USERS_AT_ONCE)
            if not isinstance(outcome, Found):
                yield wire.TRY_AGAIN
                return
            users = outcome.value[:left]
            yield b"".join(wire.encode_row(USERDB + user) for user in users)
            left = left and left - len(users)
            if len(users) < USERS_AT_ONCE or left == 0:
                break
            after = users[-1]
        yield wire.ITERATION_DONE


def _quota(login: Login, major: int) -> dict[str, str]:
    """A quota of the user's own; without one, the default in Dovecot's configuration counts."""
    if login.quota is None:
        return {}
    if major == _DOVECOT_2_3:
        return {"quota_rule": f"*:bytes={login.quota}"}
    return {"quota_storage_size": f"{login.quota}B"}


class DictConnection(Connection):
    """A peer of the dict port: Dovecot through socat, or whoever speaks its protocol."""

    __slots__ = ("_dictionary", "_feed", "_major")

    def __init__(self, listener: Listener, dictionary: Dictionary) -> None:
        super().__init__(listener)
        self._dictionary = dictionary
        self._feed = wire.CommandReader().feed
        self._major = 0

    def replies(self, data: bytes) -> Iterator[bytes]:
        for command in self._feed(data):
            match command:
                case wire.Lookup(key, username):
                    yield wire.encode(self._dictionary.lookup(key, username, self._major))
                case wire.Iterate():
                    yield from self._dictionary.rows(command)
                case wire.Commit(transaction):
                    yield wire.encode_refusal(transaction)
                case wire.Hello(major):
                    self._major = major
                case wire.Begin() | wire.Change() | wire.Rollback():
                    pass  # no reply is due (dict-client.c)
