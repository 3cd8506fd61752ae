"""Where received reports are kept: in the datastore, one document for each domain of ours.

All replicas of the filter write there, so each write is made on what was read, and is tried again
when somebody else was quicker.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from mailstack.client import Client
from mailstack.errors import DocumentExists, RevisionConflict, ServiceFailed
from mailstack.model.reports import Received, Reports
from mailstack.reports.received import with_new

_ATTEMPTS: Final = 5
_DAY_S: Final = 86_400


class Shelf:
    """Of one datastore.

    Args:
        client: asks it.
        keep_days: how long a report is kept; what is older goes with the next one that comes.
        clock: Unix time.
    """

    def __init__(
        self, client: Client, keep_days: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._keep_days = keep_days
        self._clock = clock

    def read(self, domain: str) -> Reports:
        """All that is kept about a domain.

        Raises:
            DocumentMissing: it is no domain of ours.
            MailstackError: that cannot be told now.
        """
        return self._read(domain)[0]

    def add(self, report: Received) -> None:
        """Add a report, in the place of the same one.

        Raises:
            InvalidDocument: it is not fit to be kept.
            MailstackError: it cannot be written now.
        """
        for _ in range(_ATTEMPTS):
            kept, revision = self._read(report.domain)
            oldest = self._clock() - self._keep_days * _DAY_S
            try:
                return self._write(with_new(kept, report, oldest=oldest), revision)
            except (RevisionConflict, DocumentExists):
                continue
        raise ServiceFailed(f"others write reports about {report.domain} all the time")

    def _read(self, domain: str) -> tuple[Reports, str]:
        return parsed(self._client.call("GET", "domains", domain, "reports").fields)

    def _write(self, document: Reports, revision: str) -> None:
        condition = {"if-match": f'"{revision}"'} if revision else {"if-none-match": "*"}
        fields = document.model_dump(mode="json")
        self._client.call(
            "PUT", "domains", document.domain, "reports", document=fields, headers=condition
        )


def parsed(shown: dict[str, Any]) -> tuple[Reports, str]:
    """A document as couchmail shows it, and its revision."""
    fields = {name: shown[name] for name in ("type", "domain", "items")}
    return Reports.model_validate(fields), str(shown["revision"])
