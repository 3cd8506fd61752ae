"""The message that is sent: of ordinary size and make, with text and HTML."""

SENTENCE = (
    "meeting minutes of the project group please find the agenda for next week and the list of "
    "open questions we talked about on Tuesday the room is booked from nine to eleven"
)


def ordinary_message(octets: int) -> bytes:
    """A multipart message of about ``octets``."""
    text = _lines(octets // 3)
    html = "".join(f"<p>{line}</p>\r\n" for line in _lines(octets // 2).splitlines())
    return (
        "Received: from client.example.org (client.example.org [192.0.2.1])\r\n"
        "\tby mx.bench.test (Postfix) with ESMTPS id 4ABCDE\r\n"
        "\tfor <user@bench.test>; Sat, 28 Nov 2026 02:00:00 +0000 (UTC)\r\n"
        "From: Alice Example <alice@example.org>\r\nTo: user@bench.test\r\n"
        "Subject: Minutes of Tuesday's meeting\r\nDate: Sat, 28 Nov 2026 02:00:00 +0000\r\n"
        "Message-ID: <20261128.0200@example.org>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="=_b"\r\n\r\n'
        f"--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        "--=_b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f"<html><body>\r\n{html}</body></html>\r\n--=_b--\r\n"
    ).encode()


def _lines(octets: int) -> str:
    words = SENTENCE.split()
    lines, total, word = [], 0, 0
    while total < octets:
        line = " ".join(words[(word + i) % len(words)] for i in range(11))
        lines.append(line)
        total += len(line) + 2
        word += 7
    return "\r\n".join(lines)
