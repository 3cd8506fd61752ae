"""What the keeper counts. Names are API: docs/reference/metrics.md lists them."""

from mailstack.observe.metrics import Counter, Gauge, Metrics


class KeeperMetrics:
    """One of these per process."""

    def __init__(self) -> None:
        self.profiles = Counter(
            "mailstack_spam_profiles_written", "Users whose preferences were written or removed."
        )
        self.forgotten = Counter(
            "mailstack_spam_users_forgotten", "Removed users whose training was removed."
        )
        self.snapshots = Counter("mailstack_spam_snapshots", "Copies of Bayes databases taken.")
        self.restored = Counter(
            "mailstack_spam_restored", "Bayes databases put back from a copy on request."
        )
        self.damaged = Counter(
            "mailstack_spam_databases_damaged", "Bayes databases found damaged, and replaced."
        )
        self.updates = Counter(
            "mailstack_spam_rule_updates",
            "Looks for new rules, by what came of them.",
            ("result",),
            [("updated",), ("current",), ("offline",), ("refused",)],
        )
        self.following = False
        self.unknown = 0
        self._page = Metrics(
            self.profiles,
            self.forgotten,
            self.snapshots,
            self.restored,
            self.damaged,
            self.updates,
            Gauge(
                "mailstack_spam_following",
                "1: every change of the datastore up to now is in force.",
                lambda: self.following,
            ),
            Gauge(
                "mailstack_spam_users_unknown",
                "Users with training of whom the datastore has never heard.",
                lambda: self.unknown,
            ),
        )

    def exposition(self) -> bytes:
        return self._page.exposition()
