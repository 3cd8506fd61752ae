"""The whole stack on one machine: how fast it starts, what it weighs, how soon a user exists."""
