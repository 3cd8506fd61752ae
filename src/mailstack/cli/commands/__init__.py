"""One module per command: its arguments, its help, and the call that does the work."""
