"""From the declaration and the settings to files that run the stack elsewhere.

Each module turns data into data; nothing here decides what talks to what, or runs anything.
"""
