"""Which release of Debian this is: names of packages differ."""

import platform

OLDEST = 12
"""The oldest release supported; also the answer where there is no number (a system in testing)."""


def release() -> int:
    """The number of the release, 12 or later."""
    try:
        version = platform.freedesktop_os_release().get("VERSION_ID", "")
    except OSError:
        return OLDEST
    number = version.partition(".")[0]
    return int(number) if number.isdigit() else OLDEST
