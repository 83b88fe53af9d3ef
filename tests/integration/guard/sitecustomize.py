"""Refuses and records whatever a Python process sends or looks up beyond this machine.

Python imports this module at start when its folder is on ``PYTHONPATH``. It listens to the interpreter's own audit
events, below every library, so nothing written in Python gets past it. ``NETWORK_RECORD`` names the file of the record.
"""

import ipaddress
import os
import sys

_RECORD = os.environ["NETWORK_RECORD"]
# Each event's argument that says where it goes.
_PLACES = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}


def _stays_here(place: object) -> bool:
    """Whether an address or a host name is this machine: loopback, a Unix socket, or nowhere."""
    if isinstance(place, tuple):
        place = place[0]
    if isinstance(place, bytes):
        place = place.decode("ascii", "replace")
    if place is None or place == "localhost":
        return True
    if not isinstance(place, str) or place.startswith(("/", "\0")):
        return isinstance(place, str)
    try:
        address = ipaddress.ip_address(place)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    where = _PLACES.get(event)
    if where is None or _stays_here(arguments[where]):
        return
    descriptor = os.open(_RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{event} {arguments[where]!r}\n".encode())
    os.close(descriptor)
    raise PermissionError(f"{event} to {arguments[where]!r} is refused in this test")


sys.addaudithook(_guard)
# uvloop connects in C, unseen by the interpreter; without it everything goes through Python's own sockets.
sys.modules["uvloop"] = None  # type: ignore[assignment]
