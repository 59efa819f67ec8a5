"""The database as the models see it: one declarative base and one Flask-SQLAlchemy extension."""

from collections.abc import Iterable
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ARRAY, BigInteger, ColumnElement, MetaData, any_, literal
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import DateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "chk_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of MagFlow. Tables are made by migrations, never by `create_all`."""

    registry = registry(metadata=MetaData(naming_convention=NAMING), type_annotation_map={int: BigInteger})


Timestamp = DateTime(timezone=True)

db = SQLAlchemy(model_class=Base)


def any_of(ids: Iterable[int]) -> ColumnElement[Any]:
    """`column == any_of(ids)`: one array parameter, so that a hundred thousand ids are one value, and one statement."""
    return any_(literal(list(ids), ARRAY(BigInteger)))
