"""From a message and its recipients to the distinct copies that will be delivered."""

from collections.abc import Mapping, Sequence

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.envelope import Envelope, Recipient
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.profiles import Profiles
from mailstack.contentfilter.scan import Scanner
from mailstack.contentfilter.spool import Spool
from mailstack.contentfilter.verdict import UNTOUCHED, Verdict, too_large
from mailstack.protocols.lmtp_body import undot

Copies = Mapping[Verdict, Sequence[Recipient]]
"""Each distinct result → who gets it, in the order of the envelope."""


class Judge:
    """Decides, for each recipient, what is written in front of their copy."""

    def __init__(
        self, config: Config, scanner: Scanner, profiles: Profiles, metrics: FilterMetrics
    ) -> None:
        self._enabled = config.enabled
        self._max_octets = config.max_scan_octets
        self._scanner = scanner
        self._profiles = profiles
        self._metrics = metrics

    async def copies(
        self, envelope: Envelope, recipients: Sequence[Recipient], message: Spool
    ) -> Copies:
        """One scan per profile, one copy per distinct result."""
        if not self._enabled:
            return {UNTOUCHED: recipients}
        if message.octets > self._max_octets:
            self._metrics.unscanned.counts[("size",)] += 1
            return {too_large(message.octets): recipients}
        users = {recipient: self._profiles(recipient.address) for recipient in recipients}
        octets = undot(await message.whole())
        verdicts = await self._scanner.verdicts(
            octets, envelope.return_path, dict.fromkeys(users.values())
        )
        copies: dict[Verdict, list[Recipient]] = {}
        for recipient, user in users.items():
            copies.setdefault(verdicts[user], []).append(recipient)
        return copies
