"""Rows: the base of every table class, and how a row of the database becomes an object without an ORM session."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any, ClassVar, Self

from sqlalchemy import Column, LargeBinary, Table
from sqlmodel import SQLModel
from sqlmodel.main import get_column_from_field

from server import values

_new = object.__new__


def new_id() -> str:
    """A UUIDv7 as 32 hexadecimal digits: it sorts by its time of creation, to a quarter of a microsecond."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2 | 1 << 63
    return f"{milliseconds:012x}7{fraction:03x}{random:016x}"


class Record(SQLModel):
    """A class that describes a table; its instances are plain values of rows: read them, never assign to them.

    SQLModel's fields say what the columns are, and queries and migrations are written against the tables. Its ORM is
    left out: its constructor costs 30 µs, each reading of an attribute goes through Python code, and to map the classes
    takes a tenth of a server's start.
    """

    # Nothing is ever validated by these classes, and to build what would do so took as long.
    model_config = {"defer_build": True}

    made_table: ClassVar[Table | None] = None
    columns: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[dict[str, Any]] = {}
    # Columns that an event leaves out, always or where they are long.
    unrecorded: ClassVar[frozenset[str]] = frozenset()
    bulky: ClassVar[frozenset[str]] = frozenset()
    # Columns that hold values (server.values).
    free_form: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def table(cls) -> Table:
        """The table this class describes, which `finish` has made."""
        assert cls.made_table is not None
        return cls.made_table

    @classmethod
    def load(cls, row: Any) -> Self:
        """The object for a row whose values are in the order of the table's columns."""
        record = _new(cls)
        record.__dict__.update(zip(cls.columns, row, strict=True))
        return record

    @classmethod
    def new(cls, **values: Any) -> Self:
        """A new object; columns that are not given take their defaults."""
        record = _new(cls)
        record.__dict__.update(cls.defaults)
        record.__dict__.update(values)
        return record

    def values(self) -> dict[str, Any]:
        """Column values by name. Do not change it."""
        return self.__dict__

    def snapshot(self) -> str:
        """The JSON that an event keeps of this row.

        Long texts are left out, so that events stay small, and so is what is as in a new row, which `new` fills in.
        """
        defaults = self.defaults
        kept = {
            name: value
            for name, value in self.__dict__.items()
            if value != defaults[name]
            and name not in self.unrecorded
            and not (name in self.bulky and value is not None and len(value) > MAX_RECORDED_TEXT)
        }
        return json.dumps(kept, separators=(",", ":"), default=_bytes_as_json)

    @classmethod
    def of_snapshot(cls, text: str) -> Self:
        """The row that a snapshot was made of, without what it leaves out."""
        kept = json.loads(text)
        for name in cls.free_form & kept.keys():
            written = kept[name]
            if written is not None:
                # Before they were kept as bytes, values were texts.
                plain = not isinstance(written, list)
                kept[name] = values.encode(json.loads(written)) if plain else written[0].encode("latin-1")
        return cls.new(**kept)


def _bytes_as_json(value: bytes) -> list[str]:
    """Bytes in JSON: a character each, in a list, because texts are texts."""
    return [value.decode("latin-1")]


MAX_RECORDED_TEXT = 8192


def finish(*tables: type[Record]) -> None:
    """Makes the table of each class, and computes what `load` and `new` need, once, after the class is made."""
    for cls in tables:
        indexes = getattr(cls, "__table_args__", ())
        cls.made_table = Table(str(cls.__tablename__), cls.metadata, *_columns(cls), *indexes)
        columns = cls.made_table.columns
        cls.columns = tuple(column.name for column in columns)
        cls.free_form = frozenset(column.name for column in columns if isinstance(column.type, LargeBinary))
        cls.defaults = {
            name: None if field.is_required() else field.default for name, field in cls.model_fields.items()
        }


def _columns(cls: type[Record]) -> Iterator[Column[Any]]:
    for name, field in cls.model_fields.items():
        column = get_column_from_field(field)
        column.key = column.name = name
        yield column
