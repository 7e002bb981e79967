"""Packs, seal manifests, and the fence against processes that know neither."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_MICROSECONDS = sa.BigInteger()
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNMARKED = sa.text("state = 'committed' AND mark IS NOT NULL AND marker_key IS NULL")

_OLDER = "this Dayfile is older than its state database: stop it, and start the version that has upgraded the database"
"""The message to processes of before, whose statements meet one of the triggers below."""

_REFUSED = {
    "older_claims": ("counter", "NEW.name IN ('claim', 'turn')"),  # the names that claims had in the counters
    "older_workers": ("worker", "NEW.schema_version IS NULL"),
}


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pack",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("object_key", _key(1024), nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("live_bytes", sa.BigInteger(), nullable=False),
        sa.Column("live_files", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=True),
        sa.Column("rests_until", _MICROSECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pack")),
        sa.UniqueConstraint("object_key", name=op.f("uq_pack_object_key")),
        sqlite_autoincrement=True,
    )
    op.add_column("sealed_day", sa.Column("pack_id", sa.BigInteger(), nullable=True))
    op.add_column("sealed_day", sa.Column("pack_offset", sa.BigInteger(), nullable=True))
    op.add_column("seal", sa.Column("mark", _key(64), nullable=True))
    op.add_column("seal", sa.Column("marker_key", _key(1024), nullable=True))
    op.create_index("ix_seal_unmarked", "seal", ["id"], sqlite_where=_UNMARKED, postgresql_where=_UNMARKED)
    op.add_column("worker", sa.Column("schema_version", sa.String(32), nullable=True))
    _fence()


def _fence() -> None:
    """Take from older processes what they would use wrongly: they take packed files for damaged, and condemn names."""
    op.execute("ALTER TABLE sealed_day RENAME COLUMN object_key TO file_key")
    op.drop_index("ix_upload_prefix", "upload")
    op.drop_index("ix_upload_state", "upload")
    op.rename_table("upload", "ledger")
    op.create_index(op.f("ix_ledger_prefix"), "ledger", ["prefix"])
    op.create_index("ix_ledger_state", "ledger", ["state", "delete_after", "changed_at"])
    op.execute("UPDATE counter SET name = 'job claim' WHERE name = 'claim'")
    op.execute("UPDATE counter SET name = 'lane turn' WHERE name = 'turn'")
    op.execute("INSERT INTO instance (name, value) VALUES ('minimum_version', '0014')")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_older() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_OLDER}'; END $$"
        )
    for name, (table, condition) in _REFUSED.items():
        begins = f"CREATE TRIGGER {name} BEFORE INSERT ON {table}"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"{begins} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_older()")
        else:
            op.execute(f"{begins} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{_OLDER}'); END")
