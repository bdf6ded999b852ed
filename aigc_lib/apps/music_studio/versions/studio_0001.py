"""Pieces with their parents, and what people thought of them."""

import sqlalchemy as sa
from alembic import op

revision = "studio_0001"
down_revision = None
branch_labels = ("music_studio",)
depends_on = ("ground_0001",)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pieces",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("root", sa.String(32), nullable=False),
        sa.Column("parent", sa.String(32)),
        sa.Column("made", sa.String(12), nullable=False),
        sa.Column("by_model", sa.Boolean, nullable=False),
        sa.Column("recipe", sa.JSON, nullable=False),
        sa.Column("piece", sa.JSON, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("genre", sa.String(12), nullable=False),
        sa.Column("metre", sa.String(8), nullable=False),
        sa.Column("key", sa.String(12), nullable=False),
        sa.Column("tempo", sa.Float, nullable=False),
        sa.Column("bars", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("favourite", sa.Boolean, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("deleted", sa.Float),
    )
    op.create_index("pieces_of", "pieces", ["account", "created"])
    op.create_index("pieces_from", "pieces", ["account", "root"])
    op.create_table(
        "opinions",
        sa.Column(
            "piece",
            sa.String(32),
            sa.ForeignKey("pieces.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("thumb", sa.SmallInteger, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
