"""The service that Postfix asks how sure it must be of a domain's servers (MTA-STS, RFC 8461)."""
