"""Ways to cut a stream that do not depend on chance, so that a fault can be repeated."""

from collections.abc import Iterator


def pieces(data: bytes) -> Iterator[list[bytes]]:
    """Whole, in octets, in sevens, and in two parts at a place the data itself chooses."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    yield [data[i : i + 7] for i in range(0, len(data), 7)]
    cut = sum(data[:64]) % (len(data) + 1)
    yield [data[:cut], data[cut:]]
