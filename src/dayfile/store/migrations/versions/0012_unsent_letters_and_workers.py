"""Unsent letters."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_UNSENT = sa.text("state = 'unsent'")


def upgrade() -> None:
    op.create_index("ix_notice_unsent", "notice", ["number"], sqlite_where=_UNSENT, postgresql_where=_UNSENT)
    tell_unsent(op.get_bind())


def tell_unsent(connection: sa.Connection) -> None:
    """Call letters unsent that were called delivered and lie in the mail folder: no server gave them a status."""
    connection.execute(
        sa.text(
            "UPDATE attempt SET outcome = 'unsent' WHERE outcome = 'delivered' AND status IS NULL "
            "AND notice_sid IN (SELECT sid FROM notice WHERE channel = 'mail')"
        )
    )
    connection.execute(
        sa.text(
            "UPDATE notice SET state = 'unsent' WHERE state = 'delivered' AND channel = 'mail' AND EXISTS "
            "(SELECT 1 FROM attempt WHERE notice_sid = notice.sid AND outcome = 'unsent') AND NOT EXISTS "
            "(SELECT 1 FROM attempt WHERE notice_sid = notice.sid AND outcome = 'delivered')"
        )
    )
