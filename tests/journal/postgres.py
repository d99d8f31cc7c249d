"""A schema of its own in the local PostgreSQL, so that parallel tests don't meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

URL = "postgresql+psycopg://postgres@127.0.0.1:5432/test"


@contextmanager
def schema() -> Iterator[str]:
    """URL of a database whose search path is a new, empty schema."""
    name = f"bt_gex_journal_{uuid4().hex}"
    quick = {"options": "-c synchronous_commit=off"}  # of making and dropping the schema
    engine = create_engine(URL, poolclass=NullPool, connect_args=quick)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
    except OperationalError:
        pytest.skip("no PostgreSQL listens on 127.0.0.1:5432")
    try:
        yield f"{URL}?options=-csearch_path%3D{name}"
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
