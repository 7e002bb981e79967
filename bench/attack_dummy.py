"""A server that takes whatever it is sent and never answers: what attackers cost a machine by themselves.

python bench/attack_dummy.py   (bench/attack.py starts it)
"""

from __future__ import annotations

import asyncio

from attackers import raise_open_files

BACKLOG = 1024


class Discard(asyncio.Protocol):
    """A connection that is read for as long as the client likes."""

    def data_received(self, data: bytes) -> None:
        """Forget it."""


async def main() -> None:
    """Serve on a free port, which is printed, until told to stop."""
    server = await asyncio.get_running_loop().create_server(Discard, "127.0.0.1", 0, backlog=BACKLOG)
    print(f"ready: http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    raise_open_files()
    asyncio.run(main())
