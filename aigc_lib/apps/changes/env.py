"""Alembic runs this file: the changes happen on the connection that it is given."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite changes a column by making the table anew
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
