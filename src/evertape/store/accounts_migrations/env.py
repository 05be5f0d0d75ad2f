"""Run by Alembic within the transaction that ``store.migrate`` opened."""

from alembic import context

from evertape.store.accounts_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
