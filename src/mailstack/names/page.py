"""The page for a person who opens one of the names in a browser: what to tell a mail program.

Pure: facts in, HTML out. It runs nothing and loads nothing, and never asks for a password. Its one
form fetches Apple's profile, since an iPhone asks nobody by itself.
"""

import base64
import hashlib
from typing import Final

from mailstack.model.domains import shown
from mailstack.names.clients import escape
from mailstack.names.facts import Facts

HTML: Final = "text/html; charset=utf-8"
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5a6274; --line: #dde1e8; --paper: #fff;
  --ground: #f4f5f8; --accent: #2456b8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #a0a8b8; --line: #343b49;
  --paper: #1c212b; --ground: #12161d; --accent: #8fb4ff; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.5rem 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 40rem; margin: auto; padding: 2rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: 0 0 .75rem; }
.soft { color: var(--soft); font-size: .9rem; }
table { width: 100%; margin-bottom: 1rem; border-collapse: collapse; }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; font-weight: normal; }
th { color: var(--soft); white-space: nowrap; }
td:nth-child(n+3) { white-space: nowrap; }
code { font: .95em ui-monospace, monospace; user-select: all; }
form { display: flex; flex-wrap: wrap; gap: .5rem; }
label { flex-basis: 100%; color: var(--soft); font-size: .9rem; }
input, button { padding: .6rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--paper); color: inherit; font: inherit; }
input { flex: 1 1 14rem; min-width: 0; }
button { border-color: var(--accent); color: var(--accent); cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media (max-width: 36rem) { body { padding: 0; } main { padding: 1.25rem; border: 0;
  border-radius: 0; min-height: 100vh; } thead { display: none; }
  tr, td { display: block; } tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  td { padding: .1rem 0; border: 0; } td::before { content: attr(data-is) " ";
  color: var(--soft); } }
"""
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a browser lets the page do: show itself, and send its form (CSP level 3)."""


def page(domain: str, facts: Facts) -> bytes:
    """For users of ``domain``; empty on the server's own name, which is all domains'."""
    name = shown(domain)
    title = f"Mail for {name}" if domain else f"Mail at {shown(facts.hostname)}"
    example = f"you@{name}" if domain else "you@example.com"
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<style>{_STYLE}</style>\n</head>\n'
        "<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n"
        "<p>Most mail programs set themselves up: add an account with your whole address and your "
        "password. If yours asks for more, this is all it needs.</p>\n"
        f"{_table(facts)}"
        "<p>The user name is your <strong>whole address</strong>, the password is that of your "
        "mailbox.</p>\n"
        '<p class="soft">A program that knows STARTTLS only takes port '
        f"<code>{facts.imap}</code> for IMAP and <code>{facts.submission}</code> for SMTP. "
        "Without encryption nobody is let in.</p>\n"
        "<h2>iPhone, iPad and Mac</h2>\n"
        "<p>Fetch a profile, and open it: the settings are made for you. It holds no password; the "
        "device asks you for it.</p>\n"
        '<form action="/mail.mobileconfig" method="get">\n'
        '<label for="email">Your address</label>\n'
        '<input id="email" name="email" type="email" required autocomplete="email" '
        f'placeholder="{escape(example)}">\n<button>Fetch the profile</button>\n</form>\n'
        "</main>\n</body>\n</html>\n"
    ).encode()


def _table(facts: Facts) -> str:
    rows = (
        ("Reading mail (IMAP)", facts.imaps),
        ("Sending mail (SMTP)", facts.submissions),
    )
    told = "".join(
        f"<tr><td>{what}</td>"
        f'<td data-is="Server"><code>{escape(facts.hostname)}</code></td>'
        f'<td data-is="Port"><code>{port}</code></td>'
        '<td data-is="Security">SSL/TLS</td></tr>\n'
        for what, port in rows
    )
    return (
        "<table>\n<thead><tr><th>For</th><th>Server</th><th>Port</th><th>Security</th></tr></thead>"
        f"\n<tbody>\n{told}</tbody>\n</table>\n"
    )
