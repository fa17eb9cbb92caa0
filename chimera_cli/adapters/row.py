"""What every row of the database shares: one private metadata, and the column types that hold any value a task may have."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import JsonValue
from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, MetaData, Text
from sqlalchemy.orm import registry
from sqlalchemy.schema import SchemaItem
from sqlmodel import Field, SQLModel

LIVE = "status NOT IN ('COMPLETED', 'REJECTED', 'FAILED', 'CANCELLED')"
"""The condition of the indexes over live tasks; a query uses them when it says the same."""


class Row(SQLModel, registry=registry(metadata=MetaData())):
    """A stored record. It has a metadata of its own, so that tables in a user's handlers never mix with ours."""

    # Rows that are read are never checked: no row needs a validator.
    model_config = {"defer_build": True}


def id_column(*constraints: SchemaItem, **kwargs: Any) -> Any:
    """Declare an id. In the C collation its plain index also serves look-ups by prefix."""
    return Field(sa_column=Column(Text(collation="C"), *constraints, nullable=False, **kwargs))


def text_column(*, nullable: bool = False, **kwargs: Any) -> Any:
    """Declare a text; write it through `plain`."""
    return Field(sa_column=Column(Text, nullable=nullable, **kwargs))


def number_column(*constraints: SchemaItem, **kwargs: Any) -> Any:
    """Declare a whole number of 64 bits."""
    return Field(sa_column=Column(BigInteger, *constraints, nullable=False, **kwargs))


def flag_column(**kwargs: Any) -> Any:
    """Declare a yes or no."""
    return Field(sa_column=Column(Boolean, nullable=False, **kwargs))


def time_column(*, nullable: bool = False, **kwargs: Any) -> Any:
    """Declare a moment, with time zone."""
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable, **kwargs))


def json_column(*, nullable: bool = False) -> Any:
    """Declare a JSON value. The type is `json`: `jsonb` refuses the character U+0000, which a model may well write."""
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=nullable))


_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder()


def json_text(value: JsonValue | object) -> str | None:
    """Write a JSON value in ASCII, None as NULL.

    Raises:
        ValueError: The value holds NaN or an infinity.
    """
    return None if value is None else _ENCODER.encode(value)


def json_value(written: bytes | str) -> Any:
    """Read a JSON value as Postgres sends it, always in UTF-8: `json.loads` would guess the encoding of each anew."""
    return _DECODER.decode(written if isinstance(written, str) else written.decode())


def plain(text: str) -> str:
    """Replace what a text column refuses: U+0000 and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def plain_texts(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Return those of the named fields that `plain` may change; an empty dict, as mostly, when it would change none."""
    joined = "".join([fields[name] for name in names])
    return {} if joined.isascii() and "\0" not in joined else {name: plain(fields[name]) for name in names}
