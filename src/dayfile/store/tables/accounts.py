"""Tables of accounts, their API keys, and sessions of either.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from dayfile.store.columns import SID, Moment
from dayfile.store.tables.metadata import metadata

account = Table(
    "account",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("parent", SID, ForeignKey("account.sid"), index=True),
    Column("state", String(16), nullable=False),
    Column("friendly_name", Text, nullable=False),
    Column("login_hash", LargeBinary, nullable=False),
    Column("encrypted_token", LargeBinary, nullable=False),  # a webhook's signature needs the token itself
    Column("generation", BigInteger, nullable=False),  # of its last published day file
    Column("served", BigInteger, nullable=False),  # token of the last claim on its behalf: claims go round by it
    Column("created_at", Moment, nullable=False),
    # After a rotation the former token works for a while longer, so that senders can be changed one by one.
    Column("former_login_hash", LargeBinary),
    Column("former_until", Moment),
    Column("email", Text),  # of its owner; null: nobody is told that a job has started
    # Webhook secrets are derived from the instance key and this number; the former one still signs for a while.
    Column("webhook_generation", Integer, nullable=False, server_default="0"),
    Column("webhook_former_until", Moment),
)

api_key = Table(
    "api_key",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("account", SID, ForeignKey("account.sid"), index=True),  # null: the operator's
    Column("kind", String(16), nullable=False, server_default="standard"),  # operator, main, standard, restricted
    Column("scopes", Text, nullable=False),  # space separated: the operator's
    Column("permissions", Text, nullable=False, server_default=""),  # space separated: a restricted key's
    Column("friendly_name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # the token itself is in the browser only
    Column("credential", SID, nullable=False),  # an API key's sid, or an account's
    Column("secret_hash", LargeBinary, nullable=False),  # of the credential; with another one it is over
    Column("began_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
