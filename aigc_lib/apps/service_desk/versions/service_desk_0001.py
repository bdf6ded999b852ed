"""Conversations and their messages, entries, corrections, orders, models."""

import sqlalchemy as sa
from alembic import op

revision = "service_desk_0001"
down_revision = None
branch_labels = ("service_desk",)
depends_on = "ground_0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("opened", sa.Float, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("agent", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("due", sa.Float),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("dialogue", sa.JSON, nullable=False),
        sa.Column("stars", sa.Integer),
        sa.Column("remark", sa.Text),
    )
    op.create_index("conversations_due", "conversations", ["due"])
    op.create_index("conversations_state", "conversations", ["state", "since"])
    op.create_index("conversations_source", "conversations", ["source", "opened"])
    op.create_table(
        "messages",
        sa.Column(
            "conversation",
            sa.String(32),
            sa.ForeignKey("conversations.id"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(64)),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("author", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("answers", sa.Integer),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.UniqueConstraint("conversation", "key", name="messages_once"),
        sa.UniqueConstraint("conversation", "answers", name="messages_answered_once"),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("entry", sa.JSON, nullable=False),
    )
    op.create_table(
        "corrections",
        sa.Column("conversation", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("intent", sa.Text, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("author", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation", "number"], ["messages.conversation", "messages.number"]
        ),
    )
    op.create_table(
        "orders",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("row", sa.JSON, nullable=False),
    )
    op.create_index("orders_of", "orders", ["account"])
    op.create_table(
        "models",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
