"""A Dask cluster: the connection to its scheduler, made when it is needed and made anew when it was lost.

Certificates are those of Dask's own configuration, which its scheduler and its workers need as well.
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Final

from distributed import Client
from distributed.security import Security

from dayfile.errors import EngineUnavailable, Unusable
from dayfile.work.engine_url import EngineUrl

ANSWER_SECONDS: Final = 10.0
"""The time within which a scheduler answers."""

_CLOSE_SECONDS: Final = 2.0


class DaskCluster:
    """The connection of this process to one scheduler."""

    def __init__(self, url: EngineUrl, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Take the URL of the scheduler, and look for certificates; raises Unusable if there are none."""
        self._url = url
        self._answer_seconds = answer_seconds
        self._security = _security() if url.is_encrypted else None
        self._lock = threading.Lock()
        self._client: Any = None

    def executor(self) -> Executor:
        executor: Executor = self._connected().get_executor(pure=False)
        return executor

    def trouble(self) -> str | None:
        try:
            client = self._connected()
            found = client.sync(client.scheduler.identity, callback_timeout=self._answer_seconds)
        except EngineUnavailable as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - Dask raises what the network does
            return self._away(error)
        if found["workers"]:
            return None
        return f"the scheduler of {self._url.text} has no workers: start `dask worker` on the machines that are to work"

    def disconnect(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        _close(client)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is not None and self._client.status == "running":
                return self._client
            _close(self._client)
            try:
                self._client = Client(  # type: ignore[no-untyped-call]
                    self._url.address, security=self._security, timeout=self._answer_seconds, set_as_default=False
                )
            except Exception as error:
                self._client = None
                raise EngineUnavailable(self._away(error)) from error
            return self._client

    def _away(self, error: Exception) -> str:
        reason = f": {error}" if str(error) else ""
        shown = ", and does it show a certificate of the same authority" if self._url.is_encrypted else ""
        return (
            f"the scheduler of {self._url.text} does not answer ({type(error).__name__}{reason}). Is `dask scheduler` "
            f"running there{shown}?"
        )


def _close(client: Any) -> None:
    if client is not None:
        with suppress(Exception):  # it may be gone for good
            client.close(timeout=_CLOSE_SECONDS)


def _security() -> Any:
    security: Any = Security(require_encryption=True)  # type: ignore[no-untyped-call]
    needed = {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": security.tls_ca_file,
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": security.tls_client_cert,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise Unusable(
            f"DAYFILE_ENGINE is dask+tls, and Dask's configuration has no certificates: set {', '.join(missing)} "
            "and, unless the key is in the same file, DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"
        )
    return security
