"""A way to a broker on which connections break whenever the test wants."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_RESET = struct.pack("ii", 1, 0)  # linger for 0 seconds: closing sends a reset


@dataclass(slots=True)
class Proxy:
    """Passes bytes on to a port; `breaks` counts the connections that were broken."""

    target: int
    breaks: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def break_all(self) -> None:
        """Reset every connection, on both sides, as a firewall or a dying machine does."""
        for writer in self._open:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self.breaks += len(self._open)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            self._open |= {writer, far_writer}
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
            self._open -= {writer, far_writer}
        writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def proxied(port: int, target: int) -> AsyncIterator[Proxy]:
    """Listen on `port` and pass every connection on to `target`, both on loopback."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port)
    async with server:
        try:
            yield proxy
        finally:
            server.close()
            proxy.break_all()
