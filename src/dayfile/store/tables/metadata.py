"""The metadata of all tables, and the naming rules of their indexes and constraints."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, Table, event

from dayfile.store.columns import check_column

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


@event.listens_for(Column, "after_parent_attach")
def _check_column(column: Column[Any], parent: object) -> None:
    if isinstance(parent, Table) and parent.metadata is metadata:
        check_column(column)
