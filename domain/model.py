"""The two roots of our data: `Model` for what we exchange, `Declared` for what people write."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """A frozen value. Unknown keys are ignored on reading, so that an older worker decodes a newer payload during a rollout."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Declared(BaseModel):
    """A frozen value that a person wrote. Unknown keys are refused: a misspelt field must never be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


type Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
"""A name of ours: a DNS label of at most 40 characters, unique per site and kind."""

type PortName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,39}$")]
"""A port as the device itself calls it: `swp1`, `dpu0-p0`, `bmc`."""

type MacAddress = Annotated[str, StringConstraints(pattern=r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", to_lower=True)]
"""Six octets, lower case, colons."""

type SerialNumber = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]

type Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""Any JSON value; only for what has no schema of ours (a device's tree, a NetBox field)."""
