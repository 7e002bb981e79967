"""What notices of an account are signed with, read anew for every attempt: both kinds of secrets may be rotated."""

from __future__ import annotations

from datetime import datetime

from dayfile.delivery.transport import Credentials
from dayfile.model.account import AccountSid
from dayfile.model.secret import InstanceKey, decrypt
from dayfile.model.webhook_secret import webhook_secrets
from dayfile.store.transaction import Transaction


def credentials_of(account: AccountSid, tx: Transaction, *, key: InstanceKey, now: datetime) -> Credentials:
    """The account's credentials as they are now; raises NotFound, and Corrupt if they are another instance key's."""
    generation = tx.accounts.webhook_secret(account)
    return Credentials(
        auth_token=decrypt(key, sid=account, encrypted=tx.accounts.encrypted_token(account)),
        webhook_secrets=webhook_secrets(key, account=account, generation=generation, now=now),
    )
