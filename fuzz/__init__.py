"""Generated input for every parser that reads octets from strangers.

A target is a module here with ``SEEDS`` (some valid inputs), ``WORDS`` (what to strew in) and
``one(data)``, which raises when the parser does what it must not: raise anything but
``ProtocolError``, read the same octets differently when they come in pieces, or keep more than its
bound.
"""
