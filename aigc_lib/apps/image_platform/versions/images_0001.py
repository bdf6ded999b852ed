"""Models, pictures, uploaded albums, feedback."""

import sqlalchemy as sa
from alembic import op

revision = "images_0001"
down_revision = None
branch_labels = ("image_platform",)
depends_on = ("ground_0001",)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "models",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("job", sa.String(32), unique=True),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("edits", sa.Boolean, nullable=False),
        sa.Column("words", sa.Boolean, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_index("models_blob", "models", ["blob"])
    op.create_table(
        "pictures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("parent", sa.Integer, sa.ForeignKey("pictures.id")),
        sa.Column("model", sa.Integer, sa.ForeignKey("models.id")),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("raw", sa.String(64), nullable=False),
        sa.Column("mark", sa.Integer, nullable=False),
        sa.Column("features", sa.LargeBinary, nullable=False),
        sa.Column("recipe", sa.JSON, nullable=False),
        sa.Column("favourite", sa.Boolean, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("deleted", sa.Float),
        sa.UniqueConstraint("job", "number", name="pictures_once"),
    )
    op.create_index("pictures_of", "pictures", ["account", "deleted", "created"])
    op.create_index("pictures_mark", "pictures", ["mark"])
    op.create_table(
        "albums",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("refused", sa.JSON, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column(
            "picture", sa.Integer, sa.ForeignKey("pictures.id"), primary_key=True
        ),
        sa.Column(
            "account", sa.Integer, sa.ForeignKey("accounts.id"), primary_key=True
        ),
        sa.Column("good", sa.Boolean, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
