"""OpenPGP keys for tests, made by GnuPG in a folder of their own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Keyring:
    """One GnuPG home."""

    folder: Path

    def gpg(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run gpg, which must succeed; return what it printed."""
        return subprocess.run(
            ["gpg", "--homedir", self.folder, "--batch", "--pinentry-mode", "loopback",
             "--passphrase", "", *arguments],
            input=stdin, capture_output=True, check=True, timeout=TIMEOUT_S,
        ).stdout  # fmt: skip

    def make(self, *user_ids: str) -> None:
        """Make one key with these user ids."""
        first, *others = user_ids
        self.gpg("--quick-gen-key", first, "ed25519", "default", "never")
        for other in others:
            self.gpg("--quick-add-uid", first, other)

    def export(self, name: str, *options: str) -> bytes:
        return self.gpg(*options, "--export", name)

    def stop(self) -> None:
        """End the agent that gpg started for this folder."""
        subprocess.run(
            ["gpgconf", "--homedir", self.folder, "--kill", "all"],
            check=True, timeout=TIMEOUT_S,
        )  # fmt: skip


def wks_hash(address: str) -> str:
    """The name in a web key directory, as GnuPG computes it."""
    said = subprocess.run(
        ["/usr/lib/gnupg/gpg-wks-client", "--print-wkd-hash", address],
        capture_output=True, check=True, text=True, timeout=TIMEOUT_S,
    ).stdout  # fmt: skip
    return said.split()[0]
