"""Reports to other domains about TLS on the way to their servers (RFC 8460).

Postfix from 3.10 on tells by a datagram how each handshake went (``protocols.tlsrpt``). Its agent
only writes these down (``collector``); a short pass (``python -m mailstack.reports.tls``) adds them
up, and makes and sends a report for each domain and day. Nothing stays in memory between.
"""
