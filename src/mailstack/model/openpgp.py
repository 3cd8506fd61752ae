"""A user's OpenPGP public key, as the web key directory of the domain publishes it."""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mailstack.model.addresses import Address, parse_address
from mailstack.model.keys import BaseDocument, Key
from mailstack.model.openpgp_packets import MAX_OCTETS, read_key


class OpenPgp(BaseDocument):
    """The key has the user's address in a user id."""

    type: Literal["openpgp"] = "openpgp"
    owner: Annotated[Address, AfterValidator(parse_address)]
    public: Annotated[str, Field(max_length=4 * MAX_OCTETS // 3 + 4)]
    """Base64 of the binary transferable public key."""

    @model_validator(mode="after")
    def _is_the_owners(self) -> "OpenPgp":
        try:
            data = base64.b64decode(self.public, validate=True)
        except (ValueError, binascii.Error):
            raise ValueError("the key is not base64") from None
        if data.lstrip().startswith(b"-----"):
            raise ValueError("the key is armored; take the armor off before it becomes base64")
        read_key(data).for_address(self.owner)
        return self

    @property
    def key(self) -> Key:
        return Key("openpgp", self.owner)
