"""Who sent a message, as far as it can be told: SPF, DKIM, DMARC and ARC, put together.

Here is what follows from what; libraries check signatures and SPF, and the content filter asks.
"""
