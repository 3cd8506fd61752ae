"""Teaches spamd what each user keeps and what each calls spam, and measures what that is worth.

Every night, on demand, and when a user moves a message: Inbox and Spam are read over IMAP with
Dovecot's master user (``mailbox``), what is worth learning is chosen (``survey``), taught through
spamd's TELL (``spamd``), and remembered (``ledger``). A tenth of the mail is never taught; it is
what each run is judged by (``measure``), and a run that was worse is undone (``run``).
"""
