"""Signs with Ed25519 where OpenDKIM cannot: a milter beside it.

OpenDKIM knows Ed25519 from 2.11 on, and Alpine has 2.10.3. As with the seal (``dkim/arc``), the
agent listens (``daemons/opendkim/signer.py``) and starts ``python -m mailstack.dkim.signing`` for
who comes; that serves until nobody has come for a while, and ends.
"""
