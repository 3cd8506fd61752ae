"""What libraries import only when they are first used, imported before the process gives up root.

Each line was found by tests/unit/couchmail/test_process.py, which fails for one that is missing.
"""

import encodings.idna  # the first socket with a host's name
import encodings.punycode  # the first domain that is not ASCII

import idna.uts46data

__all__ = ["encodings", "idna"]
