"""Changes of the tables of the projects, by Alembic."""
