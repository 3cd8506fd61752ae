"""pyspf, whose source the compiler complains about where warnings are errors."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import spf  # type: ignore[import-untyped] # pyspf has no types

__all__ = ["spf"]
