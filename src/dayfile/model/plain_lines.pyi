from collections.abc import Sequence

from dayfile.model.account import AccountSid

class _Table: ...

def table(
    fields: tuple[tuple[bytes, int, bytes], ...],
    sids: int,
    documented: int,
    keep_dropped: bool,
    oldest: bytes,
    newest: bytes,
    /,
) -> _Table: ...
def read(
    table: _Table, lines: bytes | Sequence[bytes], longest: int, /
) -> tuple[bytes, list[int], set[AccountSid], set[str]]: ...
