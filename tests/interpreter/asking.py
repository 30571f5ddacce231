"""Asks the process that forks to run a program, and stands for it: its files, signals and end.

Imports little, since it is run as often as programs are.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main() -> int:
    address, *arguments = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    ignored = [one for one in FORWARDED if signal.getsignal(one) is signal.SIG_IGN]
    for one in set(FORWARDED) - set(ignored):
        signal.signal(one, lambda number, _: connection.sendall(bytes([number])))
    request = {
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109 - importing pathlib takes as long as all else
        "environ": dict(os.environ),
        "ignored": [int(one) for one in ignored],
    }
    socket.send_fds(connection, [b"!"], [0, 1, 2])
    content = json.dumps(request).encode()
    connection.sendall(len(content).to_bytes(4, "big") + content)
    ended = connection.recv(1)
    # killed with its keeper, if nothing is said
    return ended[0] if ended else 128 + signal.SIGKILL


sys.exit(main())
