# Runs when a user's mail program puts a message into Spam, or takes one from there into the Inbox.
# It changes nothing. That it ran is an event, which Dovecot's statistics process reports to the
# trainer (metric "moved" in dovecot.conf).
keep;
