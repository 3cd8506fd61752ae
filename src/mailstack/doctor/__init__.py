"""``mailstack doctor``: does the running stack do what mail needs? One module a check."""
