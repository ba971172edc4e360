"""A file that HDF5 can write to the end even on a full disk.

The HDF5 library ends the process, at once or when it exits, after a write that failed. So it is
never told of one: what the disk does not take is kept in memory, and the error raised later.
"""

import os
from io import FileIO


class EnduringFile:
    """A file as h5py wants one, whose writes always succeed.

    Whoever writes has to ask ``check`` after each step and stop at the first error: until then the
    memory holds what the disk did not take.

    Args:
        disk: Unbuffered file, open for reading and writing.
    """

    def __init__(self, disk: FileIO) -> None:
        """Nothing has failed yet."""
        self._disk = disk
        self._position = 0
        self._error: OSError | None = None
        self._refused: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise what went wrong since the file was opened, if anything did.

        Raises:
            OSError: The disk did not take what was written.
        """
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place, which may be beyond the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end()}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Where the next read or write begins."""
        return self._position

    def write(self, data: "bytes | memoryview[int]") -> int:
        """Write all of ``data``, to the disk or to memory."""
        view = memoryview(data).cast("B")
        if self._error is None:
            self._to_disk(view)
        if self._error is not None:
            self._refused.append((self._position, bytes(view)))
        self._position += len(view)
        return len(view)

    def readinto(self, buffer: "memoryview[int]") -> int:
        """Read what was written, wherever it is."""
        view = memoryview(buffer).cast("B")
        self._disk.seek(self._position)
        done = 0
        while count := self._disk.readinto(view[done:]):
            done += count
        begin, size = self._position, len(view)
        for offset, data in self._refused:
            low, high = max(offset, begin), min(offset + len(data), begin + size)
            if low < high:
                view[low - begin : high - begin] = data[low - offset : high - offset]
                done = max(done, high - begin)
        self._position += done
        return done

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def truncate(self, size: int) -> int:
        """Set the length, unless the disk is full already."""
        if self._error is None:
            try:
                self._disk.truncate(size)
            except OSError as error:
                self._error = error
        return size

    def flush(self) -> None:
        """Nothing is held back."""

    def _to_disk(self, view: "memoryview[int]") -> None:
        try:
            self._disk.seek(self._position)
            done = 0
            while done < len(view):  # near the end of a disk a part may be taken
                done += self._disk.write(view[done:]) or 0
        except OSError as error:
            self._error = error

    def _end(self) -> int:
        ends = [offset + len(data) for offset, data in self._refused]
        return max([os.fstat(self._disk.fileno()).st_size, *ends])
