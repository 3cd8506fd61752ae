"""Messages a second from SMTP to mailbox, beside the same daemons without the filter."""
