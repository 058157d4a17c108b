# SPDX-License-Identifier: MIT
"""Ports for programs that have to be told one, and for those that end and come back to the same place.

What the kernel gives to whoever asks for any, outgoing connections above all, is left to it: somebody may have such a
port between its being chosen and its being used. Of the others each process has a block for as long as it lives.
"""

import errno
import itertools
import socket
import threading

EACH = 600
once = threading.Lock()
block = None


def left_alone():
    """The ports that the kernel chooses for nobody; all of them where it is told to take any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low, high = map(int, file.read().split())
    ports = [*range(20000, 65536), *range(11000, 20000)]
    return [port for port in ports if not low <= port <= high] or ports


def claim_block():
    """Its ports, again and again, and what tells others that they are taken: a name which like them is there once in a
    network namespace, and ends with this process."""
    ports = left_alone()
    for first in range(0, len(ports) - EACH, EACH):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0paddock-test-ports-{ports[first]}")
            return itertools.cycle(ports[first:first + EACH]), name
        except OSError as error:
            name.close()
            if error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("too many of these tests run at once")


def is_free(port, addresses):
    """Also of programs that are no tests."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for address in addresses:
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


def take(*addresses):
    """A port that nobody has at these addresses, for TCP and UDP; without any, at 127.0.0.1."""
    global block
    with once:
        block = block or claim_block()
        return next(port for port in itertools.islice(block[0], EACH) if is_free(port, addresses or ("127.0.0.1",)))
