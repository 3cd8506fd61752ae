"""The DNS of our domains: what to publish, how to publish it, what the world sees of it."""
