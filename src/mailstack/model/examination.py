"""What the last examination of the stack found (``mailstack doctor``), as it is handed on.

Bounded in every direction, so that whoever keeps it knows how much that is. The words of a finding
are in ``mailstack.findings``.
"""

from typing import Annotated, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mailstack.findings import Finding, Severity

MAX_CHECKS: Final = 64
MAX_FINDINGS: Final = 200
MAX_WORDS: Final = 1000
"""Characters of one text of a finding."""

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
_KEY: Final = r"^[a-z][a-z0-9_.-]{0,63}$"
_Words = Annotated[str, Field(max_length=MAX_WORDS)]
_Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Part):
    """How many findings there are of each severity."""

    ok: _Count = 0
    warning: _Count = 0
    failure: _Count = 0
    unknown: _Count = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts.of({one: self.number(one) + other.number(one) for one in SEVERITIES})

    @classmethod
    def of(cls, numbers: dict[Severity, int]) -> "Counts":
        """Put them together from a table; what is not in it is 0."""
        return cls(**numbers)

    def number(self, severity: Severity) -> int:
        found: int = getattr(self, severity)
        return found


class Told(_Part):
    """One finding."""

    severity: Severity
    key: Annotated[str, Field(pattern=_KEY)]
    what: _Words
    meaning: _Words = ""
    fix: _Words = ""

    @classmethod
    def of(cls, finding: Finding) -> "Told":
        """Cut texts that are too long."""
        texts = {name: getattr(finding, name)[:MAX_WORDS] for name in ("what", "meaning", "fix")}
        return cls(severity=finding.severity, key=finding.key, **texts)


class Examination(_Part):
    """A whole one; the last one replaces all before."""

    at: Annotated[StrictInt, Field(gt=0, description="When it ended, as a Unix time.")]
    checks: Annotated[
        dict[Annotated[str, Field(pattern=_KEY)], Counts],
        Field(max_length=MAX_CHECKS, description="Check → how many findings of each severity."),
    ]
    findings: Annotated[
        tuple[Told, ...],
        Field(max_length=MAX_FINDINGS, description="Those that are not ok, failures first."),
    ] = ()

    def sum(self) -> Counts:
        """All checks together."""
        return sum(self.checks.values(), Counts())
