"""Between queue and mailbox: one spam verdict per recipient, then delivery.

LMTP in (``session``), a verdict of spamd for each recipient (``scan``), LMTP out to the mailbox
server (``deliver``). It never says 250 before the mailbox server has: whatever dies, the message
is still in Postfix's queue. Without pydantic or starlette, so that it stays small in memory.
"""
