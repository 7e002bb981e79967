"""Outcomes and error texts of failed delivery attempts, written for the receiver's owner."""

from __future__ import annotations

import ssl

from dayfile.model.notice import Outcome, Result


def failed(error: str) -> Outcome:
    """Return the outcome of an attempt that got no answer and is tried again."""
    return Outcome(result=Result.FAILED, status=None, error=error, answer=b"", retry_after=None)


def reason(error: Exception) -> str:
    """Return the text of a connection error, without addresses, paths or secrets of this machine."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate cannot be trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
