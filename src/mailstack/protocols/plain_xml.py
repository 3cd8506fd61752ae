"""Reads XML that strangers send: elements and their text, nothing that XML can do besides.

A document type is refused, and with it entities of every kind (what ``defusedxml`` does); depth
and number of elements are bounded. Namespaces are dropped. Errors are ``ProtocolError``.
"""

from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from mailstack.errors import ProtocolError

MAX_DEPTH: Final = 20
MAX_ELEMENTS: Final = 200_000
"""At some 400 octets each; a DMARC report of 10,000 rows has as many."""
_SEPARATOR: Final = " "


@dataclass(slots=True)
class Element:
    """``text`` is all text directly in it, without white space around."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def find(self, *path: str) -> "Element | None":
        """The first element at a path of names."""
        here: Element | None = self
        for name in path:
            here = next((c for c in here.children if c.name == name), None) if here else None
        return here

    def all(self, name: str) -> list["Element"]:
        """Children of a name."""
        return [child for child in self.children if child.name == name]

    def text_of(self, *path: str, default: str | None = None) -> str:
        """The text at a path.

        Raises:
            ProtocolError: nothing is there, and there is no default.
        """
        found = self.find(*path)
        if found is not None and found.text:
            return found.text
        if default is None:
            raise ProtocolError(f"there is no {'/'.join(path)}")
        return default


class _Builder:
    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]
        self._count = 0

    def start(self, name: str, attributes: object) -> None:
        del attributes
        self._count += 1
        if len(self._open) > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise ProtocolError("the XML is too deep, or has too many elements")
        element = Element(name.rpartition(_SEPARATOR)[2])
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, name: str) -> None:
        del name
        element = self._open.pop()
        element.text = element.text.strip()

    def characters(self, text: str) -> None:
        self._open[-1].text += text


def _refuse(*_: object) -> None:
    raise ProtocolError("the XML declares a document type or entities, which is not taken")


def read_xml(data: bytes) -> Element:
    """Read a document; return its root.

    Raises:
        ProtocolError: it is not well formed, or more than that.
    """
    builder, parser = _Builder(), expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise ProtocolError(f"it is no XML: {error}") from error
    return builder.root.children[0]
