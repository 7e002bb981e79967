"""The program that Alembic runs for every command, on the connection that `store/schema.py` hands over."""

from alembic import context

from dayfile.store.tables.metadata import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
