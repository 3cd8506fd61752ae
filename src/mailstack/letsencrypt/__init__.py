"""Certificates by ACME (RFC 8555): the order, the proofs of names, the exchange of the pair."""
