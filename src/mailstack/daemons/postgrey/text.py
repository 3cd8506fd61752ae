"""What a greylisted sender is told. Postfix's probe knows it, too: greylisted is working."""

GREYLISTED = "Greylisted, please try again later"
