"""The documents of the datastore, as ``export`` writes them and ``import`` reads them.

Each is one frozen model; unknown fields are refused. A rule that needs other documents (a domain
must be hosted, aliases must not form a loop) is not here but in the store, inside its transaction.
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from mailstack.errors import InvalidDocument
from mailstack.model.addresses import Address, parse_address, parse_alias_address
from mailstack.model.dkim import Dkim
from mailstack.model.domains import DomainName, parse_domain
from mailstack.model.keys import KINDS, OWNED, BaseDocument, Key, Kind
from mailstack.model.octets import MAX_OCTETS
from mailstack.model.openpgp import OpenPgp
from mailstack.model.passwords import check_hash
from mailstack.model.reports import Reports
from mailstack.model.spam import Spam
from mailstack.model.training import Training

__all__ = [
    "KINDS",
    "OWNED",
    "Alias",
    "Dkim",
    "Document",
    "Domain",
    "Key",
    "Kind",
    "OpenPgp",
    "Reports",
    "Sieve",
    "Spam",
    "Training",
    "User",
    "make_document",
    "parse_document",
    "script_key",
]

MAX_TARGETS = 1000
"""Of one alias; more is a mailing list. Postfix's virtual_alias_expansion_limit is the same."""
MAX_SCRIPT_OCTETS = 1024**2
"""Of one sieve script; Pigeonhole's sieve_max_script_size is the same."""
MAX_SCRIPT_NAME_OCTETS = 128
"""RFC 5804 1.6 asks servers to take at least 128 characters, each of one octet or more."""


class Domain(BaseDocument):
    """A domain whose mail is taken here. Disabled: as if it were not hosted."""

    type: Literal["domain"] = "domain"
    name: Annotated[DomainName, AfterValidator(parse_domain)]
    enabled: StrictBool = True

    @property
    def key(self) -> Key:
        return Key("domain", self.name)


NO_FOLDER: Final = "/%"
"""A mailbox is a folder. Dovecot 2.4 expands variables even in the name that a variable brought:
the user ``%{home}`` got the folder of somebody else's making."""


def _mailbox(address: str) -> Address:
    parsed = parse_address(address)
    if any(octet in parsed for octet in NO_FOLDER):
        raise ValueError(
            f"{address!r} cannot name a mailbox, because a folder of that name is made for it; "
            "create one without / and %, and make this address an alias of it"
        )
    if not parsed.isascii():
        # Dovecot 2.3's LMTP answers 501 to any other (seen: "Invalid TO: Missing '>'").
        raise ValueError(
            f"{address!r} cannot name a mailbox, because Dovecot takes only ASCII before the @; "
            "create one of another name, and make this address an alias of it"
        )
    return parsed


class User(BaseDocument):
    """A mailbox and its login. Disabled: no login, and mail is refused; what is stored stays."""

    type: Literal["user"] = "user"
    address: Annotated[Address, AfterValidator(_mailbox)]
    password: Annotated[str, AfterValidator(check_hash), Field(repr=False)]
    quota: Annotated[int, Field(strict=True, ge=0, le=MAX_OCTETS)] | None = None
    """Octets; ``None`` is the default of the settings."""
    enabled: StrictBool = True

    @property
    def key(self) -> Key:
        return Key("user", self.address)


def _distinct(targets: tuple[Address, ...]) -> tuple[Address, ...]:
    return tuple(dict.fromkeys(targets))


class Alias(BaseDocument):
    """Where mail for an address goes instead. ``@domain`` catches what nobody else takes.

    A user of the same address keeps a copy if the alias names that address among its targets.
    """

    type: Literal["alias"] = "alias"
    address: Annotated[Address, AfterValidator(parse_alias_address)]
    targets: Annotated[
        tuple[Annotated[Address, AfterValidator(parse_address)], ...],
        Field(min_length=1, max_length=MAX_TARGETS),
        AfterValidator(_distinct),
    ]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Alias":
        if self.targets == (self.address,):
            raise ValueError(f"{self.address} points only at itself")
        return self

    @property
    def key(self) -> Key:
        return Key("alias", self.address)


def _script_name(name: str) -> str:
    # RFC 5804 1.6 forbids controls and line separators; Pigeonhole forbids the slash, too.
    bad = any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F or c in "/\u2028\u2029" for c in name)  # noqa: PLR2004 - C0, C1
    if bad or not name.strip():
        raise ValueError(f"{name!r} cannot name a script: no slash, no control characters")
    if len(name.encode()) > MAX_SCRIPT_NAME_OCTETS:
        raise ValueError(f"the script's name has more than {MAX_SCRIPT_NAME_OCTETS} octets")
    return name


def _script_text(text: str) -> str:
    if len(text) > MAX_SCRIPT_OCTETS // 4 and len(text.encode()) > MAX_SCRIPT_OCTETS:
        raise ValueError(f"the script has more than {MAX_SCRIPT_OCTETS} octets")
    return text


class Sieve(BaseDocument):
    """A filter script. At most one of an owner is active; that is the one that runs.

    The owner is a user, or ``@domain``: that one runs for the domain's users who have none active.
    """

    type: Literal["sieve"] = "sieve"
    owner: Annotated[Address, AfterValidator(parse_alias_address)]
    name: Annotated[str, AfterValidator(_script_name)]
    text: Annotated[str, AfterValidator(_script_text)]
    active: StrictBool = False

    @property
    def key(self) -> Key:
        return script_key(self.owner, self.name)


Document: TypeAlias = Domain | User | Alias | Sieve | Spam | Training | Dkim | OpenPgp | Reports
_ADAPTER: TypeAdapter[Document] = TypeAdapter(Annotated[Document, Field(discriminator="type")])


def script_key(owner: str, name: str) -> Key:
    """The key of a sieve script."""
    return Key("sieve", f"{owner}/{name}")


def parse_document(text: str | bytes) -> Document:
    """Read one document from JSON.

    Raises:
        InvalidDocument: not JSON, or it breaks a rule; one sentence says which.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise InvalidDocument(_sentence(error)) from error


def make_document(fields: object) -> Document:
    """Read one document from a decoded object, e.g. ``{"type": "domain", "name": "example.org"}``.

    Raises:
        InvalidDocument: it breaks a rule; one sentence says which.
    """
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise InvalidDocument(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    """The first error, in words for a person; never the input, which may hold a password."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "json_invalid":
        return f"not JSON: {first['ctx']['error']}"
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return f"no known type of document; 'type' is one of {', '.join(KINDS)}"
    return _field_sentence(first["type"], [str(part) for part in first["loc"]], first["msg"])


def _field_sentence(error_type: str, place: list[str], message: str) -> str:
    """``place`` begins with the document's type, where that is known."""
    kind, field = (place[0], ".".join(place[1:])) if place else ("document", "")
    match error_type:
        case "extra_forbidden":
            return f"a {kind} has no field {field!r}"
        case "missing":
            return f"the {kind} has no {field!r}"
        case _:
            return f"{kind} {field}: {message[:1].lower()}{message[1:]}"
