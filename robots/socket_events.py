"""What ZeroMQ tells of the connections of a socket: made, refused, lost (zmq_socket_monitor(3))."""

from __future__ import annotations

import struct

import zmq


class SocketEvents:
    """The events of one socket, in their order.

    Attributes:
        socket: to be polled; `take` reads it.

    Args:
        watched: whose events; in the same thread.
        events: which, as zmq.EVENT_* added up. They have to be taken: after 2 000 that were not, ZeroMQ waits.
    """

    def __init__(self, watched: zmq.Socket, events: int) -> None:
        self._watched = watched
        self.socket = watched.get_monitor_socket(events)

    def take(self) -> int | None:
        """The next event, or None when there is none now."""
        if not self.socket.get(zmq.EVENTS) & zmq.POLLIN:
            return None
        # Event (16 bits) and value (32 bits). pyzmq's own decoder would bring asyncio and 8 MB with it.
        event, _ = struct.unpack("=HI", self.socket.recv_multipart()[0])
        return event

    def close(self) -> None:
        """Watch no more; before the socket itself is closed."""
        self._watched.disable_monitor()
        self.socket.close(linger=0)
