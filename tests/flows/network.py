"""A machine whose network is unplugged: a network namespace with loopback alone, and a count of what tries to leave."""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CLONE_NEWNET: Final = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
_libc = ctypes.CDLL(None, use_errno=True)


class NotPermitted(Exception):
    """This user may not make network namespaces."""


class Unplugged:
    """A namespace of its own. Inside `plugged_out` this thread, and the processes it starts, live there."""

    def __init__(self) -> None:
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if _libc.unshare(CLONE_NEWNET) != 0:
            os.close(self._outside)
            raise NotPermitted(os.strerror(ctypes.get_errno()))
        self._inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _bring_up("lo")
        self._enter(self._outside)

    def close(self) -> None:
        os.close(self._inside)
        os.close(self._outside)

    @contextmanager
    def plugged_out(self) -> Iterator[None]:
        self._enter(self._inside)
        try:
            yield
        finally:
            self._enter(self._outside)

    def attempts(self) -> int:
        """How often somebody wanted to reach another machine so far: the kernel counts what has no route."""
        with self.plugged_out():
            return _ipv4_without_route() + _ipv6_without_route()

    @staticmethod
    def _enter(namespace: int) -> None:
        if _libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", interface.encode(), 0)
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", interface.encode(), flags | IFF_UP))


def _ipv4_without_route() -> int:
    names, values = [
        line.split() for line in Path("/proc/thread-self/net/snmp").read_text().splitlines() if line.startswith("Ip:")
    ]
    return int(values[names.index("OutNoRoutes")])


def _ipv6_without_route() -> int:
    rows = [line.split() for line in Path("/proc/thread-self/net/snmp6").read_text().splitlines()]
    return sum(int(value) for name, value in rows if name == "Ip6OutNoRoutes")
