"""How quickly the trainer learns, what a verdict by it costs, and what it is worth."""
