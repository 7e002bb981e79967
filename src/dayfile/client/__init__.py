"""Python library for BulkExports servers: `from dayfile.client import Client`. See docs/python.md.

It is the one folder that exports names: programs outside of Dayfile import them, and its files may be cut anew.
"""

from dayfile.client.answers import (
    NotBulkExports,
    RemoteConfiguration,
    RemoteDay,
    RemoteJob,
    RemoteManifest,
    RemoteReceipt,
    RemoteRefusal,
)
from dayfile.client.client import Client
from dayfile.client.download import Downloaded, Progress
from dayfile.client.partial import Examined
from dayfile.client.sync import State, SyncedDay, Watcher
from dayfile.errors import (
    Conflict,
    Corrupt,
    DayfileError,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooManyRequests,
    Transient,
    Unauthorized,
)
from dayfile.model.day import Day, DayRange

__all__ = [
    "Client",
    "Conflict",
    "Corrupt",
    "Day",
    "DayRange",
    "DayfileError",
    "Downloaded",
    "Examined",
    "Forbidden",
    "Invalid",
    "NotBulkExports",
    "NotFound",
    "Progress",
    "RemoteConfiguration",
    "RemoteDay",
    "RemoteJob",
    "RemoteManifest",
    "RemoteReceipt",
    "RemoteRefusal",
    "State",
    "SyncedDay",
    "TooLarge",
    "TooManyRequests",
    "Transient",
    "Unauthorized",
    "Watcher",
]
