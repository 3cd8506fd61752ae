"""What every table of the settings has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of the file. Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
