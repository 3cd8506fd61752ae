"""Password hashes as Dovecot spells them: ``{SCHEME}hash``.

New ones are Argon2id with 19 MiB and 2 passes, the first of OWASP's recommended settings: small
enough that several logins at once fit a small machine. Bcrypt and SHA-512-crypt come in by import,
because that is what other mail systems hold; weaker ones are refused by name. Argon2 is imported
when first used, for its memory.
"""

import re
import secrets

SCHEMES = ("ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT")
ARGON2_MEMORY_KIB = 19 * 1024
ARGON2_PASSES = 2
MAX_PASSWORD_OCTETS = 1024
"""Of a password. Hashing takes time in its length, and a login is not a file."""

_BASE64 = r"[A-Za-z0-9+/]"
_FORMS = {
    "ARGON2ID": re.compile(
        rf"\$argon2id\$v=19\$m=(\d{{1,7}}),t=(\d{{1,3}}),p=\d{{1,3}}\${_BASE64}{{11,}}\${_BASE64}{{16,}}"
    ),
    "BLF-CRYPT": re.compile(r"\$2[aby]\$(?:0[4-9]|1\d)\$[./A-Za-z0-9]{53}"),
    "SHA512-CRYPT": re.compile(r"\$6\$(?:rounds=\d{1,7}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"),
}
_SCHEME = re.compile(r"\{([A-Za-z0-9.-]{1,32})\}(.*)", re.DOTALL)
MAX_HASH_OCTETS = 512


def check_hash(text: str) -> str:
    """Return the hash with its scheme in capitals.

    Raises:
        ValueError: not a hash, or of a scheme that is not accepted. Never quotes the hash.
    """
    match = _SCHEME.fullmatch(text[: MAX_HASH_OCTETS + 1])
    if match is None or len(text) > MAX_HASH_OCTETS:
        raise ValueError(f"the password is not a hash; it begins with one of {_schemes()}")
    scheme = match[1].upper()
    if scheme not in _FORMS:
        raise ValueError(f"password scheme {{{scheme}}} is not accepted; use one of {_schemes()}")
    if not _FORMS[scheme].fullmatch(match[2]):
        raise ValueError(f"the password hash is not what {{{scheme}}} looks like")
    return f"{{{scheme}}}{match[2]}"


def hash_password(password: str) -> str:
    """Hash a new password. Takes tens of milliseconds and 19 MiB: call it in a thread.

    Raises:
        ValueError: the password is empty, too long, or has control characters.
    """
    from argon2 import PasswordHasher  # noqa: PLC0415 - see the module's docstring

    if not password or len(password.encode()) > MAX_PASSWORD_OCTETS:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD_OCTETS} octets")
    if any(ord(character) < 0x20 for character in password):  # noqa: PLR2004 - C0 controls
        raise ValueError("a password cannot hold control characters; no mail program can send them")
    hasher = PasswordHasher(time_cost=ARGON2_PASSES, memory_cost=ARGON2_MEMORY_KIB, parallelism=1)
    return "{ARGON2ID}" + hasher.hash(password)


def generate_password() -> str:
    """Make a password a person can read aloud: four groups, 99 bits.

    Without l, o, 0 and 1: they look like each other.
    """
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def _schemes() -> str:
    return ", ".join(f"{{{scheme}}}" for scheme in SCHEMES)
