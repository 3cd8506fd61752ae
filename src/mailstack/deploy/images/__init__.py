"""Container images: one Containerfile for each service, derived from the declaration."""
