"""The notebook, from top to bottom against a real daemon."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

RIFFD = os.environ.get("RIFFD", "riffd")
TOUR = Path(__file__).resolve().parent.parent / "examples" / "tour.ipynb"


class TourTest(unittest.TestCase):
    def test_every_cell_runs(self) -> None:
        import warnings

        with warnings.catch_warnings():
            # Jupyter's own libraries warn of each other.
            warnings.simplefilter("ignore")
            import nbclient
            import nbformat

            with tempfile.TemporaryDirectory() as folder:
                path = f"{folder}/riffd.sock"
                daemon = subprocess.Popen([RIFFD, "--socket", path], stderr=subprocess.DEVNULL)
                try:
                    until = time.monotonic() + 20
                    while time.monotonic() < until:
                        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
                            link.connect(path)
                            break
                        time.sleep(0.05)
                    with mock.patch.dict(os.environ, {"RIFF_SOCKET": path}):
                        notebook = nbformat.read(TOUR, 4)
                        nbclient.NotebookClient(notebook, timeout=300).execute()
                finally:
                    daemon.terminate()
                    daemon.wait()
        shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
        self.assertGreaterEqual(sum("<audio" in str(output) for output in shown), 8)
        self.assertIn("church bells from", str(shown[-1]))


if __name__ == "__main__":
    unittest.main()
