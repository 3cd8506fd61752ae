"""Port 4190: users keep their sieve scripts with any mail client (RFC 5804).

Dovecot's own ManageSieve server cannot write to a dict, so this one stands beside Dovecot. The
login is checked by Dovecot, a script by the compiler that delivery uses, and kept by couchmail.
"""
