"""Messages of the PostgreSQL protocol, version 3: reading, writing, and the fields of an error."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator, Mapping

SSL_REQUEST, CANCEL_REQUEST, GSS_REQUEST = 80877103, 80877102, 80877104
Message = tuple[bytes, bytes]


class Closed(ConnectionError):
    """The other side has gone."""


class Stream:
    """One socket, read message by message; what is sent is held until `flush`."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._in = bytearray()
        self._out = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._in) < size:
            try:
                piece = self.socket.recv(1 << 18)
            except OSError as error:
                raise Closed(str(error)) from error
            if not piece:
                raise Closed("end of stream")
            self._in += piece
        taken = bytes(self._in[:size])
        del self._in[:size]
        return taken

    def message(self) -> Message:
        kind, size = struct.unpack("!ci", self.read(5))
        return kind, self.read(size - 4)

    def startup(self) -> bytes:
        """A start-up packet, which has no letter in front."""
        (size,) = struct.unpack("!i", self.read(4))
        return self.read(size - 4)

    def send(self, kind: bytes, body: bytes = b"") -> None:
        self._out += kind + struct.pack("!i", len(body) + 4) + body

    def flush(self) -> None:
        if self._out:
            out, self._out = self._out, bytearray()
            try:
                self.socket.sendall(out)
            except OSError as error:
                raise Closed(str(error)) from error

    def interrupt(self) -> None:
        """Wake whoever reads: for them the other side has gone."""
        with contextlib.suppress(OSError):
            # Not the method of a TLS socket, which would take away what the reader is using.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self.interrupt()
        self.socket.close()


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def strings(body: bytes) -> list[str]:
    """The texts of a body that holds nothing else."""
    return [piece.decode() for piece in body.split(b"\0")]


def pairs(body: bytes) -> dict[str, str]:
    """The parameters of a start-up packet, without its version."""
    found = strings(body)
    return dict(zip(found[0::2], found[1::2], strict=False))


def fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse, by letter."""
    return {piece[:1].decode(): piece[1:].decode() for piece in body.split(b"\0") if piece}


def response(found: Mapping[str, str]) -> bytes:
    """The body of an ErrorResponse or NoticeResponse."""
    return b"".join(letter.encode() + text(value) for letter, value in found.items()) + b"\0"


def values(body: bytes) -> Iterator[str | None]:
    """The values of a DataRow in text format."""
    (count,) = struct.unpack_from("!h", body)
    at = 2
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        yield None if size < 0 else body[at : at + size].decode()
        at += max(size, 0)


def columns(body: bytes) -> list[tuple[str, int, int]]:
    """Name, type and type modifier of each column of a RowDescription."""
    (count,) = struct.unpack_from("!h", body)
    at, found = 2, []
    for _ in range(count):
        end = body.index(b"\0", at)
        _, _, oid, _, modifier, _ = struct.unpack_from("!ihihih", body, end + 1)
        found.append((body[at:end].decode(), oid, modifier))
        at = end + 19
    return found
