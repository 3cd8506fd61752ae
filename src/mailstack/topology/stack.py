"""THE declaration: every service, port, link and volume of the stack.

Everything else asks here: the addresses inside the daemons' configurations, the start order, the
probes, the documentation's table. A port literal anywhere else fails a test.
"""

from typing import Final

from mailstack.topology.model import INTERNET, Link, Port, Service, Topology, Volume

STACK: Final = Topology(
    services=(
        Service(
            "resolver",
            "DNS for the stack: validating, recursive, caching (unbound)",
            ports=(Port("dns", 53, "questions of the other services", transports=("udp", "tcp")),),
            volumes=(Volume("trust", "the root's trust anchor", 16),),
            memory_mib=32,
            account="unbound",
        ),
        Service(
            "couchmail",
            "answers every lookup from the datastore; the only writer to it",
            ports=(
                Port("domains", 40571, "domains (tcp_table and socketmap)"),
                Port("mailboxes", 40572, "mailboxes (tcp_table and socketmap)"),
                Port("aliases", 40573, "aliases and senders (tcp_table and socketmap)"),
                Port("dict", 40574, "Dovecot dict: passwords, users, sieve scripts"),
                Port("api", 40580, "HTTP API, health, metrics", operations=True),
            ),
            volumes=(Volume("store", "the datastore", 1024),),
            memory_mib=120,
            account=5001,
        ),
        Service(
            "dovecot",
            "mailboxes: LMTP delivery, sieve, IMAP, logins",
            ports=(
                Port("imap", 143, "IMAP with STARTTLS", public=True),
                Port("imaps", 993, "IMAP over TLS", public=True),
                Port("lmtp", 2424, "message delivery"),
                Port("sasl", 12345, "logins for Postfix"),
                Port("quota", 12340, "is a mailbox full? (policy protocol)"),
                Port("metrics", 9900, "statistics (OpenMetrics)", operations=True),
            ),
            volumes=(Volume("mail", "the mailboxes", 10240),),
            memory_mib=96,
            after=("couchmail",),
        ),
        Service(
            "managesieve",
            "sieve scripts, kept with any mail client",
            ports=(Port("managesieve", 4190, "ManageSieve with STARTTLS", public=True),),
            memory_mib=48,
            account=5003,
            pod="dovecot",
            after=("dovecot",),
        ),
        Service(
            "opendkim",
            "signs what leaves, verifies what arrives",
            ports=(Port("milter", 8891, "milter: verifies and signs"),),
            memory_mib=24,
            account="opendkim",
            after=("resolver",),
        ),
        Service(
            "postgrey",
            "greylisting",
            ports=(Port("policy", 10030, "greylisting (policy protocol)"),),
            volumes=(Volume("triplets", "who has been seen", 128),),
            memory_mib=40,
            account="postgrey",
        ),
        Service(
            "spamd",
            "scores messages (SpamAssassin)",
            ports=(Port("spamc", 783, "scanning (SPAMC)"),),
            volumes=(Volume("users", "what was learnt for each user", 1024),),
            memory_mib=256,
            account="debian-spamd",
            after=("resolver",),
        ),
        Service(
            "contentfilter",
            "one spam verdict per recipient, between Postfix and Dovecot",
            ports=(
                Port("lmtp", 10024, "messages from the queue"),
                Port("http", 9154, "health, metrics", operations=True),
            ),
            memory_mib=64,
            account=5002,
            pod="postfix",
        ),
        Service(
            "postfix",
            "receives, queues and sends mail",
            ports=(
                Port("smtp", 25, "mail from other servers", public=True),
                Port("submission", 587, "mail from users, STARTTLS", public=True),
                Port("submissions", 465, "mail from users, TLS", public=True),
            ),
            volumes=(Volume("spool", "the queue", 2048), Volume("state", "caches", 64)),
            memory_mib=96,
            after=("couchmail", "resolver"),
        ),
    ),
    links=(
        Link("postfix", "opendkim", "milter", "dkim filter"),
        Link("postfix", "postgrey", "policy", "greyfilter"),
        Link("postfix", "couchmail", "domains", "domain db"),
        Link("postfix", "couchmail", "mailboxes", "mailbox db"),
        Link("postfix", "couchmail", "aliases", "alias db, and who may send as whom"),
        Link("postfix", "dovecot", "sasl", "dovecot sasl auth"),
        Link("postfix", "dovecot", "quota", "refuse at SMTP time what would not fit"),
        Link("postfix", "contentfilter", "lmtp", "messages to be scanned, then delivered"),
        Link("contentfilter", "dovecot", "lmtp", "lmtp message delivery"),
        Link("contentfilter", "spamd", "spamc", "spamc client connection"),
        Link("dovecot", "couchmail", "dict", "socat proxy from dovecot dict proxy socket"),
        Link("managesieve", "dovecot", "sasl", "logins checked by Dovecot"),
        Link("managesieve", "couchmail", "api", "scripts in the datastore"),
        Link(
            "spamd",
            "opendkim",
            "milter",
            "DKIM results",
            reserved="SpamAssassin checks DKIM by itself; nothing would use the link",
        ),
        Link("postfix", "resolver", "dns", "MX and address lookups, DNSBLs"),
        Link("spamd", "resolver", "dns", "RBLs, SPF, DKIM keys"),
        Link("opendkim", "resolver", "dns", "DKIM keys"),
        Link("postfix", INTERNET, "smtp", "outbound mail delivery"),
        Link("resolver", INTERNET, "dns", "recursion"),
        Link(INTERNET, "postfix", "smtp", "inbound mail delivery"),
        Link(INTERNET, "postfix", "submission", "client mail submission"),
        Link(INTERNET, "postfix", "submissions", "client mail submission over TLS"),
        Link(INTERNET, "dovecot", "imap", "email client connection"),
        Link(INTERNET, "dovecot", "imaps", "email client connection over TLS"),
        Link(INTERNET, "managesieve", "managesieve", "sieve scripts from email clients"),
    ),
    internet_ports={"smtp": 25, "dns": 53},
)
