"""A bare application on the server that Dayfile uses: what an answer costs before anything is done for it.

    python bench/answers_bare.py [--processes 2]

One route, one small JSON answer, no middleware, no log. The processes answer on one socket, as Dayfile's do.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def ok(_: Request) -> JSONResponse:
    """Answer that it is alive."""
    return JSONResponse({"status": "ok"})


def serve(listening: socket.socket) -> None:
    """Answer until stopped."""
    config = uvicorn.Config(
        Starlette(routes=[Route("/healthz", ok)]),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
    )
    uvicorn.Server(config).run(sockets=[listening])


def serve_beside(listening: socket.socket) -> None:
    """Answer for as long as the process that has started this one."""
    first = multiprocessing.parent_process()
    if first is not None:
        threading.Thread(target=lambda: (first.join(), os._exit(0)), daemon=True).start()
    serve(listening)


def main(processes: int) -> None:
    """Serve on a free port, which is printed."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    for _ in range(processes - 1):
        multiprocessing.get_context("spawn").Process(target=serve_beside, args=(listening,)).start()
    print(f"ready: http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    serve(listening)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    main(parser.parse_args().processes)
