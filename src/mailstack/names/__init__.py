"""The web service of each domain's well-known names: how to reach its mail, and its users' keys."""
