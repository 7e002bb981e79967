"""An object store on this machine, as a program: OpenStack Swift with its S3 API, for as long as somebody uses it.

    python swift_server.py FOLDER USERS

It prints the port and serves; it ends when nobody holds a lock on the file USERS any more, and deletes its folder. Run
it where Swift can be imported. Its four servers are forks of one process, which has loaded Swift once.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")  # of Eventlet, about itself

import eventlet  # noqa: E402
import swift.common.utils  # noqa: E402
from swift.common import wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

STORES = ("account", "container", "object")
_DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG

_SWIFT = """\
[swift-hash]
swift_hash_path_prefix = dayfile
swift_hash_path_suffix = dayfile
[storage-policy:0]
name = only
default = yes
"""

_SERVER = """\
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
bind_ip = 127.0.0.1
bind_port = {port}
log_address = {folder}/no-log
log_level = ERROR
"""

_STORE = """\
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
replication_concurrency = 0
"""

_PROXY = """\
[pipeline:main]
pipeline = catch_errors cache listing_formats bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
max_bucket_listing = 40
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_reader = reading
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def main(folder: Path, users: Path) -> None:
    """Serve until the last user has gone."""
    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(_SWIFT)
    swift.common.utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    sockets = {name: eventlet.listen(("127.0.0.1", 0), backlog=128) for name in (*STORES, "proxy")}
    ports = {name: one.getsockname()[1] for name, one in sockets.items()}
    for name in STORES:
        _make_ring(folder / f"{name}.ring.gz", ports[name])
    for name, port in ports.items():
        own = _PROXY if name == "proxy" else _STORE.format(name=name)
        (folder / f"{name}.conf").write_text(_SERVER.format(folder=folder, port=port) + own)
    forks = [_forked(folder, name, one) for name, one in sockets.items()]
    print(ports["proxy"], flush=True)  # noqa: T201 - a program
    with users.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # its holders are the users; the kernel drops the locks of who is killed
        for fork in forks:
            os.kill(fork, signal.SIGKILL)
            os.waitpid(fork, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _make_ring(path: Path, port: int) -> None:
    builder = RingBuilder(4, 1, 0)
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"region": 1, "zone": 1, "device": "d1", "weight": 1.0, **address})
    builder.rebalance()
    builder.get_ring().save(str(path))


def _forked(folder: Path, name: str, listening: Any) -> int:
    fork = os.fork()
    if fork:
        return fork
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)
    conf = swift.common.utils.readconf(str(folder / f"{name}.conf"), f"app:{name}-server", log_name=name)
    log = swift.common.utils.get_logger(conf)
    wsgi.run_server(conf, log, listening, global_conf={"log_name": name}, allow_modify_pipeline=False)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
