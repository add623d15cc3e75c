"""The two roots of our data: `Model` for what we exchange, `Declared` for what people write."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


class Model(BaseModel):
    """A frozen value. Unknown keys are ignored on reading, so that an older worker decodes a newer payload during a rollout."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Declared(BaseModel):
    """A frozen value that a person wrote. Unknown keys are refused: a misspelt field must never be a silent default.

    So are characters that no text of a person holds and no database keeps (NUL, half a surrogate pair), and numbers that
    JSON does not have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _printable(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        problems = list(_unprintable(cast("Mapping[object, object]", value))) if isinstance(value, Mapping) else []
        try:
            made = handler(value)
        except ValidationError as error:
            if not problems:
                raise
            raise with_more(error, problems) from error
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return made


UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters except tab and line ends, and surrogates that stand alone."""


def _unprintable(fields: Mapping[object, object]) -> Iterator[InitErrorDetails]:
    """Texts of these fields and of lists directly in them; what lies deeper is a declared value of its own."""
    for name, value in fields.items():
        texts = enumerate(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else ((None, value),)
        for index, text in texts:
            if isinstance(text, str) and UNPRINTABLE.search(text):
                problem = PydanticCustomError("unprintable", "must not hold control characters")
                loc = (str(name),) if index is None else (str(name), index)
                yield InitErrorDetails(type=problem, loc=loc, input=None)


def with_more(error: ValidationError, more: Sequence[InitErrorDetails]) -> ValidationError:
    """The same refusal with further problems, so that a person hears of everything at once."""
    known = [
        InitErrorDetails(
            type=detail["type"] if detail["type"] not in _OURS else PydanticCustomError(detail["type"], detail["msg"]),  # pyright: ignore[reportArgumentType]
            loc=detail["loc"],
            input=detail["input"],
            ctx=detail.get("ctx", {}),
        )
        for detail in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, [*known, *more])


_OURS = frozenset({"unprintable"})


type Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
"""A name of ours: a DNS label of at most 40 characters, unique per site and kind."""

type PortName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,39}$")]
"""A port as the device itself calls it: `swp1`, `dpu0-p0`, `bmc`."""

type MacAddress = Annotated[str, StringConstraints(pattern=r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", to_lower=True)]
"""Six octets, lower case, colons."""

type SerialNumber = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]

type Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""Any JSON value; only for what has no schema of ours (a device's tree, a NetBox field)."""
