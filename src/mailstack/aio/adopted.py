"""A child that another process made for us, and that became ours when that one died.

It is waited for by a descriptor (pidfd_open(2)), as nothing in asyncio knows of it.
"""

import asyncio
import os
import signal


class Adopted:
    """A ``process.Child``. Make it in a running loop, while the child cannot have been buried."""

    def __init__(self, pid: int) -> None:
        """Raises: OSError: there is no such process."""
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)
        loop = asyncio.get_running_loop()
        self._status: asyncio.Future[int] = loop.create_future()
        loop.add_reader(self._descriptor, self._bury)

    async def wait(self) -> int:
        """Wait for the end; return the status, negative after a signal."""
        return await asyncio.shield(self._status)

    def send_signal(self, number: int) -> None:
        """Signal it; harmless when it is gone."""
        if not self._status.done():
            signal.pidfd_send_signal(self._descriptor, number)

    def _bury(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self._status.set_result(_status(self._descriptor))
        os.close(self._descriptor)


def _status(descriptor: int) -> int:
    try:
        found = os.waitid(os.P_PIDFD, descriptor, os.WEXITED)
    except ChildProcessError:
        found = None  # buried by somebody else, who alone knows
    if found is None:
        return os.EX_OSERR
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
