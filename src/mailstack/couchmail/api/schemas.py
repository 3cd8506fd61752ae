"""Shapes of what the API takes and gives, for the OpenAPI document.

The documents themselves are those of ``model/``, which also check them; here is what HTTP adds. A
password hash goes in and never comes out, except in an export.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mailstack.model.documents import Alias, Domain, Kind, User
from mailstack.model.reports import Received

Revision = Annotated[str, Field(description="The document's revision, the same as in the ETag.")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShownDomain(_Shape):
    """A domain, as it is shown."""

    type: Literal["domain"]
    name: str
    enabled: bool
    revision: Revision


class ShownUser(_Shape):
    """A user, as it is shown: without the password."""

    type: Literal["user"]
    address: str
    quota: int | None
    enabled: bool
    revision: Revision


class ShownAlias(_Shape):
    """An alias, as it is shown."""

    type: Literal["alias"]
    address: str
    targets: list[str]
    revision: Revision


class _Page(_Shape):
    next: str | None = Field(description="'after' of the next page; null: this is the last one.")
    total: int = Field(description="How many there are in all.")
    position: int = Field(description="Of the newest change: 'since' for who follows from here.")


class Domains(_Page):
    items: list[ShownDomain]


class Users(_Page):
    items: list[ShownUser]


class Aliases(_Page):
    items: list[ShownAlias]


class DomainPatch(_Shape):
    """What to change; null restores the default (RFC 7396)."""

    enabled: bool | None = None


class UserPatch(_Shape):
    """What to change; null restores the default (RFC 7396)."""

    password: str | None = Field(default=None, description="A hash, as {ARGON2ID}…")
    quota: int | None = None
    enabled: bool | None = None


class AliasPatch(_Shape):
    """What to change (RFC 7396)."""

    targets: list[str] | None = None


class ScriptBody(_Shape):
    """A script as it is put."""

    text: str
    active: bool = False


class ScriptRename(_Shape):
    """Another name for a script."""

    name: str


class ScriptSummary(_Shape):
    """A script in the list of its owner."""

    name: str
    id: str = Field(description="Changes whenever the text may have.")
    active: bool


class Scripts(_Shape):
    items: list[ScriptSummary]


class Script(_Shape):
    """One script."""

    type: Literal["sieve"]
    owner: str
    name: str
    text: str
    active: bool
    revision: Revision


class ShownSpam(_Shape):
    """A user's spam profile, as it is shown."""

    type: Literal["spam"]
    owner: str
    threshold: float | None = Field(description="null: that of the settings.")
    allow: list[str] = Field(description="Senders: addresses, or patterns as *@example.org.")
    block: list[str]
    rules: list[str] = Field(description="Lines: header, body, score, describe of USER_….")
    languages: list[str] = Field(description="Codes of two letters. Empty: any.")
    share_training: bool
    revision: Revision


class Spams(_Page):
    items: list[ShownSpam]


class SpamPatch(_Shape):
    """What to change; null restores the default (RFC 7396)."""

    threshold: float | None = None
    allow: list[str] | None = None
    block: list[str] | None = None
    rules: list[str] | None = None
    languages: list[str] | None = None
    share_training: bool | None = None


class ShownTraining(_Shape):
    """What the trainer found out about a user's mail."""

    type: Literal["training"]
    owner: str
    own_bayes: bool = Field(description="The user's own database decides.")
    runs: list[dict[str, bool | int | float | str | None]] = Field(description="The newest last.")
    revision: Revision


class Trainings(_Page):
    items: list[ShownTraining]


class TrainingPatch(_Shape):
    """What to change; null restores the default (RFC 7396)."""

    own_bayes: bool | None = None
    runs: list[dict[str, bool | int | float | str | None]] | None = None


class ShownOpenPgp(_Shape):
    """A user's OpenPGP public key."""

    type: Literal["openpgp"]
    owner: str
    public: str = Field(description="Base64 of the binary transferable public key.")
    revision: Revision


class OpenPgps(_Page):
    items: list[ShownOpenPgp]


class ShownDkimKey(_Shape):
    """A key, without its private half."""

    selector: str
    algorithm: Literal["rsa", "ed25519"]
    public: str = Field(description="What p= of the record has.")
    state: Literal["made", "published", "signing", "retiring", "retired"]
    since: str = Field(description="When it came into this state, ISO 8601.")
    name: str = Field(description="Where its record stands.")
    record: str = Field(description="The text of its TXT record.")
    sealed: str | None = Field(
        default=None, description="The private half, encrypted; only if asked for."
    )


class ShownDkim(_Shape):
    """The DKIM keys of a domain."""

    type: Literal["dkim"]
    domain: str
    items: list[ShownDkimKey] = Field(description="The newest last.")
    wanted: bool = Field(description="New keys are about to be made.")
    revision: str = Field(description="The document's revision; empty: there is none yet.")


class Dkims(_Page):
    items: list[ShownDkim]


class ShownReports(_Shape):
    """What others report about a domain."""

    type: Literal["reports"]
    domain: str
    items: list[Received] = Field(description="The oldest first.")
    revision: str = Field(description="The document's revision; empty: there is none yet.")


class WrittenReports(_Shape):
    """That reports were written."""

    domain: str
    revision: Revision


class ReportsPage(_Page):
    items: list[ShownReports]


class ChangeShape(_Shape):
    """The newest thing that happened to one document."""

    position: int
    type: Kind
    name: str = Field(
        description="Of a script: OWNER/NAME; of a spam profile or training record: OWNER."
    )
    revision: str | None = Field(description="null: it was removed.")


class Changes(_Shape):
    changes: list[ChangeShape]
    position: int = Field(description="'since' of the next question.")


class Backup(_Shape):
    file: str = Field(description="Where the copy lies.")
    octets: int


class Problem(_Shape):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(description="One sentence for a person.")


__all__ = ["Alias", "Domain", "User"]
