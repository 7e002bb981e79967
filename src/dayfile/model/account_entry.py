"""Account entries: the wanted states of accounts, the changes that follow from them, and their problems.

The same rules hold for a file of a million accounts and for a request about one: a repeated entry changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from dayfile.errors import Conflict, Invalid, InvalidParameter
from dayfile.model.account import Account, AccountSid, AccountState, parse_auth_token
from dayfile.model.email import parse_email


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """The wanted state of one account. None leaves a field as it is, and gives a new account the default."""

    sid: AccountSid
    token: str | None = field(repr=False)
    parent: AccountSid | None
    state: AccountState | None  # not CLOSED: closing is an act of its own
    friendly_name: str | None
    email: str | None  # empty: none


FIELDS: Final = ("sid", "token", "parent", "state", "friendly_name", "email")
LONGEST_NAME: Final = 256

_STATES: Final = {state.value: state for state in (AccountState.ACTIVE, AccountState.SUSPENDED)}


def parse_entry(
    fields: Mapping[str, str], *, names: Mapping[str, str], read_sid: Callable[[str, str], AccountSid]
) -> AccountEntry:
    """Read an entry from the texts of its fields; raises InvalidParameter.

    `names` gives each field's name in the source, for messages; `read_sid` reads a sid, given such a name. An empty
    text counts as None, except for the e-mail address, which it removes.
    """
    token, parent, state, name = (fields.get(field) or None for field in ("token", "parent", "state", "friendly_name"))
    email = fields.get("email")
    return AccountEntry(
        sid=read_sid(fields.get("sid", ""), names["sid"]),
        token=None if token is None else parse_auth_token(token, name=names["token"]),
        parent=None if parent is None else read_sid(parent, names["parent"]),
        state=None if state is None else _parse_state(state, name=names["state"]),
        friendly_name=None if name is None else _parse_name(name, name=names["friendly_name"]),
        email=parse_email(email, name=names["email"]) if email else email,
    )


def _parse_state(text: str, *, name: str) -> AccountState:
    if text not in _STATES:
        raise InvalidParameter(name, f"must be {' or '.join(_STATES)}", text)
    return _STATES[text]


def _parse_name(text: str, *, name: str) -> str:
    if len(text) > LONGEST_NAME:
        raise InvalidParameter(name, f"must have at most {LONGEST_NAME} characters, not {len(text)}")
    # No database can hold these: NUL, and lone surrogates, which JSON can spell.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidParameter(name, "must not contain the character NUL or half a character")
    return text


class Action(Enum):
    """The effect of an entry."""

    CREATE = "create"
    CHANGE = "change"
    LEAVE = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An entry and its effect."""

    entry: AccountEntry
    action: Action
    changes: tuple[str, ...]  # the fields that the entry changes


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProblem:
    """A problem of an entry."""

    number: int  # counted from 0
    field: str  # of the entry
    rule: str
    is_conflict: bool  # the entry contradicts an account that is there

    def as_error(self) -> Invalid | Conflict:
        """Return the problem as the error of a request that is about this entry alone."""
        return Conflict(f"{self.field} {self.rule}") if self.is_conflict else InvalidParameter(self.field, self.rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The effects of a list of entries: a step for each of them, or the problems."""

    steps: tuple[Step, ...]
    problems: tuple[EntryProblem, ...]


TokenCheck = Callable[[AccountEntry], bool]
"""A predicate: True if the token of an entry is the one that its account already has."""


def plan_entries(
    entries: Sequence[AccountEntry], known: Mapping[AccountSid, Account], *, has_token: TokenCheck
) -> Plan:
    """Return the plan for the entries, given in `known` the existing accounts of the entries and of their parents."""
    rules = _Rules(entries, known)
    problems = [problem for number in range(len(entries)) if (problem := rules.problem(number)) is not None]
    if problems:
        return Plan(steps=(), problems=tuple(problems))
    steps = (_step(entry, known.get(entry.sid), has_token=has_token) for entry in entries)
    return Plan(steps=tuple(steps), problems=())


def described(account: Account, entry: AccountEntry) -> Account:
    """Return the account with the changes of the entry."""
    return replace(
        account,
        state=account.state if entry.state is None else entry.state,
        friendly_name=account.friendly_name if entry.friendly_name is None else entry.friendly_name,
        email=account.email if entry.email is None else entry.email or None,
    )


class _Rules:
    """The rules for entries, among themselves and with the existing accounts."""

    def __init__(self, entries: Sequence[AccountEntry], known: Mapping[AccountSid, Account]) -> None:
        self._entries = entries
        self._known = known
        self._first: dict[AccountSid, int] = {}
        for number, entry in enumerate(entries):
            self._first.setdefault(entry.sid, number)

    def problem(self, number: int) -> EntryProblem | None:
        """Return the first problem of an entry; None if it has none."""
        entry = self._entries[number]
        if self._first[entry.sid] != number:
            return EntryProblem(number=number, field="sid", rule=f"{entry.sid} comes twice", is_conflict=False)
        account = self._known.get(entry.sid)
        if account is not None:
            return self._of_known(number, entry, account)
        rule = None if entry.parent is None else self._of_parent(entry.parent)
        return None if rule is None else EntryProblem(number=number, field="parent", rule=rule, is_conflict=False)

    def _of_known(self, number: int, entry: AccountEntry, account: Account) -> EntryProblem | None:
        if account.state is AccountState.CLOSED:
            rule = f"{entry.sid} is closed, and that is for good: make another account"
            return EntryProblem(number=number, field="sid", rule=rule, is_conflict=True)
        if entry.parent is not None and entry.parent != account.parent:
            rule = f"of {entry.sid} is {account.parent or 'none'} and cannot be changed"
            return EntryProblem(number=number, field="parent", rule=rule, is_conflict=True)
        return None

    def _of_parent(self, sid: AccountSid) -> str | None:
        parent = self._known.get(sid)
        if parent is None and sid not in self._first:
            return f"{sid} is no account here"
        if parent is not None and parent.state is AccountState.CLOSED:
            return f"{sid} is closed, and that is for good"
        if (parent or self._entries[self._first[sid]]).parent is not None:
            return f"{sid} is a subaccount itself: only an account without a parent can be a parent"
        return None


def _step(entry: AccountEntry, account: Account | None, *, has_token: TokenCheck) -> Step:
    if account is None:
        given = ("token", "parent", "state", "friendly_name", "email")
        changes = [name for name in given if getattr(entry, name)]
        return Step(entry=entry, action=Action.CREATE, changes=tuple(changes))
    wanted = described(account, entry)
    changes = [name for name in ("state", "friendly_name", "email") if getattr(wanted, name) != getattr(account, name)]
    if entry.token is not None and not has_token(entry):
        changes.insert(0, "token")
    return Step(entry=entry, action=Action.CHANGE if changes else Action.LEAVE, changes=tuple(changes))
