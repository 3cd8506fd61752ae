"""What the filter counts. Names are API: docs/reference/metrics.md lists them."""

from mailstack.observe.metrics import Counter, Gauge, Latency, Metrics


class FilterMetrics:
    """One of these per process."""

    def __init__(self) -> None:
        self.verdicts = Counter(
            "mailstack_filter_verdicts",
            "Scans answered by spamd, by verdict.",
            ("verdict",),
            [("spam",), ("ham",)],
        )
        self.unscanned = Counter(
            "mailstack_filter_unscanned",
            "Verdicts that were not given, by reason.",
            ("reason",),
            [("size",), ("timeout",), ("unreachable",), ("garbage",)],
        )
        self.messages = Counter("mailstack_filter_messages", "Messages received completely.")
        self.replies = Counter(
            "mailstack_filter_replies",
            "Final replies to recipients, by the class of their code.",
            ("class",),
            [("2",), ("4",), ("5",)],
        )
        # From 17 ms to 137 s: a scan with network tests takes seconds.
        self.scan_time = Latency(
            "mailstack_filter_scan_seconds",
            "From wanting a verdict to having it.",
            first_bit=24,
            buckets=14,
        )
        self.sent_recipients = Counter(
            "mailstack_filter_sent_recipients", "Recipients of users' messages that were granted."
        )
        self.over_limit = Counter(
            "mailstack_filter_over_limit", "Users' messages refused for having too many recipients."
        )
        self.rejected = Counter(
            "mailstack_filter_rejected",
            "Messages refused before the queue: spam to all, a From field not the user's, DMARC.",
            ("reason",),
            [("spam",), ("from",), ("dmarc",)],
        )
        self.dmarc = Counter(
            "mailstack_filter_dmarc",
            "Messages of other servers, by what DMARC says of them.",
            ("result",),
            [("pass",), ("fail",), ("none",), ("temperror",), ("permerror",)],
        )
        self.quarantined = Counter(
            "mailstack_filter_quarantined",
            "Messages filed in Spam because their author's domain asks.",
        )
        self.scanning = 0
        self.transactions = 0
        self.connections = 0
        self.refused_connections = Counter(
            "mailstack_filter_connections_refused", "Because there were too many."
        )
        self._page = Metrics(
            self.verdicts,
            self.unscanned,
            self.messages,
            self.replies,
            self.scan_time,
            self.rejected,
            self.dmarc,
            self.quarantined,
            self.refused_connections,
            self.sent_recipients,
            self.over_limit,
            Gauge("mailstack_filter_scans", "Scans under way.", lambda: self.scanning),
            Gauge("mailstack_filter_transactions", "Messages in hand.", lambda: self.transactions),
            Gauge("mailstack_filter_connections", "Open connections.", lambda: self.connections),
        )

    def exposition(self) -> bytes:
        return self._page.exposition()
