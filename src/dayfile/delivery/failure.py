"""Attempts that came to nothing, in words for whoever owns the receiver."""

from __future__ import annotations

import ssl

from dayfile.model.notice import Outcome, Result


def failed(error: str) -> Outcome:
    """The outcome of an attempt without an answer, which is worth another one."""
    return Outcome(result=Result.FAILED, status=None, error=error, answer=b"", retry_after=None)


def reason(error: Exception) -> str:
    """What went wrong with a connection; never an address, a path or a secret of this machine."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate cannot be trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
