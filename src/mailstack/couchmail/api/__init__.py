"""The HTTP API on port 40580 and on the unix socket: the only way to write to the datastore."""
