"""pyspf, whose source the compiler complains about where warnings are errors; in one point mended.

RFC 7208 5.5 and 7.3: a name of the client that cannot be looked up is passed over. pyspf lets such
an error end everything as "temperror".
"""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import spf  # type: ignore[import-untyped] # pyspf has no types


def evaluate(address: str, helo: str, sender: str, timeout_s: int) -> str:
    """The result for a client. Blocking, for ``timeout_s`` and one question at most."""
    query = _Query(i=address, s=sender, h=helo, timeout=timeout_s, querytime=timeout_s)
    return str(query.check()[0])


class _Query(spf.query):  # type: ignore[misc] # pyspf has no types
    def validated_ptrs(self) -> list[str]:
        """Names of the client that lead back to it."""
        names = _or_nothing(self.dns_ptr, self.i)
        return [name for name in names[: spf.MAX_PTR] if self._leads_back(name)]

    def _leads_back(self, name: str) -> bool:
        addresses = _or_nothing(self.dns_a, name, self.A)
        return bool(self.cidrmatch(addresses, self.cidrmax))


def _or_nothing(look_up: Any, *arguments: str) -> list[str]:  # noqa: ANN401 - a method of pyspf
    try:
        return list(look_up(*arguments))
    except spf.TempError:
        return []


__all__ = ["evaluate", "spf"]
