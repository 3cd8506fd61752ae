"""What a check found out: one judgement about one thing, with the way out.

Shared by ``dns check`` and ``doctor``. A check that could not ask says ``unknown``: that is no
failure of what it wanted to look at (the rule of ``outcome.py``, spelled for a person).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["ok", "warning", "failure", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    severity: Severity
    key: str
    """Stable name for programs and metrics: ``dns.mx``, ``tls.expiry``."""
    what: str
    """What was seen, in one line."""
    meaning: str = ""
    """What follows from it for mail; empty where all is well."""
    fix: str = ""
    """What to do: the very line to publish, or the command to run."""

    def as_json(self) -> dict[str, str]:
        """All fields, as ``--json`` prints them."""
        return asdict(self)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether one of them is a failure: the exit code is 1 then."""
    return any(finding.severity == "failure" for finding in findings)
