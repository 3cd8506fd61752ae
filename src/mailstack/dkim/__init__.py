"""DKIM keys of each domain: made, sealed, published, and moved on. OpenDKIM signs with them."""
