"""A real riffd for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import riff

RIFFD = os.environ.get("RIFFD", "riffd")


class DaemonTest(unittest.TestCase):
    """Tests that share a daemon."""

    folder: str
    socket: str
    daemon: subprocess.Popen[bytes]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp()
        cls.socket = f"{cls.folder}/riffd.sock"
        cls.daemon = subprocess.Popen([RIFFD, "--socket", cls.socket], stderr=subprocess.DEVNULL)
        for _ in range(600):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
                link.connect(cls.socket)
                return
            time.sleep(0.05)
        raise RuntimeError("riffd did not start")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.daemon.terminate()
        cls.daemon.wait()
        shutil.rmtree(cls.folder)

    def client(self, timeout: float | None = None) -> riff.Client:
        return riff.Client(self.socket, timeout)
