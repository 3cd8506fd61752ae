"""Changes to a user's spam profile that depend on what it says now: read, change, write, or again.

Each write demands the revision that was read, so two owners at two terminals do not undo each
other's changes of the same list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mailstack.cli.documents import Fields
from mailstack.client import Client
from mailstack.errors import DocumentMissing, InvalidDocument, RevisionConflict
from mailstack.model.spam_patterns import parse_pattern
from mailstack.model.spam_rules import check_together, parse_rule

ATTEMPTS: Final = 5

DEFAULTS: Final[Fields] = {
    "threshold": None,
    "allow": [],
    "block": [],
    "rules": [],
    "languages": [],
    "share_training": False,
}

List = Literal["allow", "block"]
_OTHER: Final[dict[List, List]] = {"allow": "block", "block": "allow"}


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of one user."""

    client: Client
    address: str

    def get(self) -> Fields:
        """Read it; the defaults, without a revision, where there is none.

        Raises:
            DocumentMissing: there is no such user.
        """
        try:
            return self.client.call("GET", "users", self.address, "spam").fields
        except DocumentMissing:
            user = self.client.call("GET", "users", self.address).fields
            return {"type": "spam", "owner": user["address"], **DEFAULTS}

    def change(self, make: Callable[[Fields], Fields]) -> tuple[Fields, bool]:
        """Write what ``make`` makes of the fields; return the whole, and whether they differ."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._change(make)
            except RevisionConflict:
                continue
        return self._change(make)

    def _change(self, make: Callable[[Fields], Fields]) -> tuple[Fields, bool]:
        before = self.get()
        revision = before.pop("revision", None)
        changes = make(before)
        if all(before[name] == value for name, value in changes.items()):
            return before, False
        headers = {"if-match": f'"{revision}"'} if revision else {"if-none-match": "*"}
        stored = self.client.call(
            "PUT", "users", self.address, "spam", document={**before, **changes}, headers=headers
        )
        return stored.fields, True

    def add(self, to: List, patterns: Sequence[str]) -> tuple[Fields, bool]:
        """Put patterns into a list, and take them out of the other one."""
        wanted = parsed(patterns)
        other = _OTHER[to]
        return self.change(
            lambda fields: {
                to: [*fields[to], *(one for one in wanted if one not in fields[to])],
                other: [one for one in fields[other] if one not in wanted],
            }
        )

    def take(self, out_of: List, patterns: Sequence[str]) -> tuple[Fields, bool]:
        """Take patterns out of a list.

        Raises:
            InvalidDocument: one is not in it; nothing was changed.
        """
        unwanted = parsed(patterns)

        def without(fields: Fields) -> Fields:
            for one in unwanted:
                if one not in fields[out_of]:
                    raise InvalidDocument(f"{one} is not in the {out_of} list of {self.address}")
            return {out_of: [one for one in fields[out_of] if one not in unwanted]}

        return self.change(without)


def parsed(patterns: Sequence[str]) -> list[str]:
    """Read patterns as a person writes them.

    Raises:
        InvalidDocument: one is none.
    """
    try:
        return list(dict.fromkeys(map(parse_pattern, patterns)))
    except ValueError as error:
        raise InvalidDocument(str(error)) from None


def read_rules(text: str, file: Path) -> list[str]:
    """Take the rules out of a file: one a line, with empty lines and comments between them.

    Raises:
        InvalidDocument: a line is no rule that a user may have; names file and line.
    """
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                rules.append(parse_rule(line))
            except ValueError as error:
                raise InvalidDocument(f"{file}:{number}: {error}") from None
    try:
        check_together(rules)
    except ValueError as error:
        raise InvalidDocument(f"{file}: {error}") from None
    return rules
