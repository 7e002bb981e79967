"""Dayfile: bulk export of communications logs, one gzip JSON-lines file per account, resource type and UTC day."""

__version__ = "0.1.0"
