"""What the programs of our own have in common. ``daemons/program.py`` is the agent's side of it."""
