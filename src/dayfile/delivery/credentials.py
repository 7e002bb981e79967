"""Signing credentials of an account, read again for every attempt, since both secrets may be rotated."""

from __future__ import annotations

from datetime import datetime

from dayfile.delivery.transport import Credentials
from dayfile.model.account import AccountSid
from dayfile.model.secret import InstanceKey, decrypt
from dayfile.model.webhook_secret import webhook_secrets
from dayfile.store.transaction import Transaction


def credentials_of(account: AccountSid, tx: Transaction, *, key: InstanceKey, now: datetime) -> Credentials:
    """Return the account's current credentials; raises NotFound, or Corrupt if another instance key encrypted them."""
    generation = tx.accounts.webhook_secret(account)
    return Credentials(
        auth_token=decrypt(key, sid=account, encrypted=tx.accounts.encrypted_token(account)),
        webhook_secrets=webhook_secrets(key, account=account, generation=generation, now=now),
    )
