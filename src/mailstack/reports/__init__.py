"""Reports between domains: what we saw of mail in other names, and what others saw of ours.

Sent are DMARC aggregate reports (RFC 7489 7.2); shown are received ones, and those of TLS (RFC
8460). All of it is done by short passes (``python -m mailstack.reports``) that the agent of the
content filter starts: nothing stays in memory between them.
"""
