"""Seals what we forward to other servers (ARC, RFC 8617): a milter beside OpenDKIM.

Forwarded mail is rare on most machines, and the libraries take 30 MiB. So the agent listens
(``daemons/opendkim/sealer.py``) and starts ``python -m mailstack.dkim.arc`` for who comes; that
serves until nobody has come for a while, and ends. No other program has the keys.
"""
