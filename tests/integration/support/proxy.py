"""A way to a server on which connections break, dawdle or fall silent whenever the test wants."""

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
    """Passes bytes on to a port; `breaks` counts the connections that were broken.

    `delay` is how many seconds each piece takes on its way, in either direction.
    """

    target: int
    breaks: int = 0
    delay: float = 0.0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _answers: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._answers.set()

    def break_all(self) -> None:
        """Reset every connection, on both sides, as a firewall or a dying machine does."""
        for writer in self._open:
            if writer.transport.is_closing():
                continue
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
            self.breaks += 1

    def hold_answers(self) -> None:
        """From now on the server hears, and is not heard."""
        self._answers.clear()

    def let_answers_go(self) -> None:
        """The server is heard again, with what it said meanwhile."""
        self._answers.set()

    def ports(self) -> set[int]:
        """What the server knows its clients by: the ports from which they seem to come."""
        return {writer.get_extra_info("sockname")[1] for writer in self._open}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            self._open |= {writer, far_writer}
            await asyncio.gather(
                self._pass_on(reader, far_writer, answers=False),
                self._pass_on(far_reader, writer, answers=True),
            )
            self._open -= {writer, far_writer}
        writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if answers:
                    await self._answers.wait()
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
