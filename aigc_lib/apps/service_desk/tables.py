"""The tables of the service desk: conversations, what the assistant knows, corrections.

``versions`` holds how they came about; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from ..accounts import ACCOUNTS
from ..database import sql

TABLES = sql.MetaData()
VERSIONS = Path(__file__).parent / "versions"

CONVERSATIONS = sql.Table(
    "conversations",
    TABLES,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("token_hash", sql.String(64), nullable=False, unique=True),
    sql.Column("account", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id)),
    sql.Column("source", sql.String(64), nullable=False),
    sql.Column("opened", sql.Float, nullable=False),
    sql.Column("state", sql.String(10), nullable=False),
    sql.Column("since", sql.Float, nullable=False),  # when this state began
    sql.Column("reason", sql.Text),  # why a person must come
    sql.Column("agent", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id)),
    sql.Column("last", sql.Integer, nullable=False),  # number of the newest message
    sql.Column("done", sql.Integer, nullable=False),  # of the last that was dealt with
    sql.Column("due", sql.Float),  # when any process may deal with what waits
    sql.Column("version", sql.Integer, nullable=False),
    sql.Column("dialogue", sql.JSON, nullable=False),
    sql.Column("stars", sql.Integer),
    sql.Column("remark", sql.Text),
    sql.Index("conversations_due", "due"),
    sql.Index("conversations_state", "state", "since"),
    sql.Index("conversations_source", "source", "opened"),
)
MESSAGES = sql.Table(
    "messages",
    TABLES,
    sql.Column("conversation", sql.ForeignKey(CONVERSATIONS.c.id), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("key", sql.String(64)),  # of who sent it: the same key, the same message
    sql.Column("role", sql.String(10), nullable=False),
    sql.Column("author", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id)),  # an agent
    sql.Column("text", sql.Text, nullable=False),
    sql.Column("answers", sql.Integer),  # the number of the message that it answers
    sql.Column("told", sql.JSON, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
    sql.UniqueConstraint("conversation", "key", name="messages_once"),
    sql.UniqueConstraint("conversation", "answers", name="messages_answered_once"),
)
ENTRIES = sql.Table(
    "entries",
    TABLES,
    sql.Column("id", sql.String(64), primary_key=True),
    sql.Column("revision", sql.Integer, nullable=False),
    sql.Column("live", sql.Boolean, nullable=False),  # false: withdrawn
    sql.Column("entry", sql.JSON, nullable=False),
)
CORRECTIONS = sql.Table(
    "corrections",
    TABLES,
    sql.Column("conversation", sql.String(32), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("text", sql.Text, nullable=False),
    sql.Column("intent", sql.Text, nullable=False),
    sql.Column("entry", sql.Text, nullable=False),
    sql.Column("author", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("at", sql.Float, nullable=False),
    sql.ForeignKeyConstraint(
        ["conversation", "number"], ["messages.conversation", "messages.number"]
    ),
)
ORDERS = sql.Table(
    "orders",
    TABLES,
    sql.Column("number", sql.String(32), primary_key=True),
    sql.Column("account", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("row", sql.JSON, nullable=False),
    sql.Index("orders_of", "account"),
)
MODELS = sql.Table(
    "models",
    TABLES,
    sql.Column("version", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("blob", sql.String(64), nullable=False),
    sql.Column("told", sql.JSON, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
)
MARKS = sql.Table(  # how often the entries changed, which model answers
    "marks",
    TABLES,
    sql.Column("name", sql.String(20), primary_key=True),
    sql.Column("value", sql.Integer, nullable=False),
)
