"""Install what the tests and benchmarks need: ``python -m tests.packages``, run by ``make test``.

The daemons' own packages are what ``mailstack up`` would install; here are the tools that only
tests and benchmarks use. Only what is missing is installed, so a second run costs nothing.
"""

import sys

from mailstack.daemons import registry
from mailstack.errors import MailstackError
from mailstack.install import debian, programs

TOOLS = {
    "/usr/lib/gnupg/gpg-wks-client": ("gpg-wks-client",),
    "buildah": ("buildah", "runc"),
    "gcc": ("gcc", "libc6-dev"),
    "git": ("git",),
    "gpg": ("gpg", "gpg-agent"),
    "ip": ("iproute2",),
    "mmdebstrap": ("mmdebstrap",),
    "named": ("bind9",),
    "named-checkzone": ("bind9-utils",),
    "nsupdate": ("bind9-dnsutils",),
    "openssl": ("openssl",),
    "pebble": ("pebble",),
    "podman": ("podman", "netavark", "aardvark-dns"),
    "runc": ("runc",),
    "setpriv": ("util-linux",),
    "shellcheck": ("shellcheck",),
    "xmllint": ("libxml2-utils",),
}
"""Program → the Debian packages that bring it."""

CONTAINERS = ("buildah", "mmdebstrap", "podman", "runc")
"""Programs that tests/containers cannot do without."""


def missing() -> list[str]:
    """Packages of every daemon and tool that is not here, each once."""
    daemons = [registry.daemon(service) for service in registry.PACKAGES]
    tools = [packages for tool, packages in TOOLS.items() if not programs.is_found(tool)]
    wanted = [*programs.missing_packages(daemons), *(name for names in tools for name in names)]
    return list(dict.fromkeys(wanted))


def main() -> int:
    """Return the exit code."""
    packages = missing()
    if not packages:
        return 0
    sys.stdout.write(f"Installing {' '.join(packages)}\n")
    try:
        debian.install(packages, lambda _: None)
    except MailstackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
