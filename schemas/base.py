"""The base of every contract model."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Contract(BaseModel):
    """Strict about the fields it names (no coercion), silent about fields it does not know.

    Unknown fields are dropped: the contract may grow, and what it does not name is never
    stored (S7).
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Text = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
"""A short text that says something: 1 to 500 characters, outer white space removed."""

Reference = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""An identifier of somebody's: 1 to 255 characters, taken as it stands."""

WholeNumber = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
"""An integer that every JSON reader holds exactly."""
