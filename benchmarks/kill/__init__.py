"""Mail under fire: every service's main process is killed in turn while mail comes in."""
