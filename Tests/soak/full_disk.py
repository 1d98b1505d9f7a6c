#!/usr/bin/env python3
"""full_disk.py BUILD FOLDER SEED [--without-memory]: the part of soak.py that mounts a small disk, in a mount
namespace of its own."""

import random
import sys
import tempfile

sys.dont_write_bytecode = True
from soak import machine  # noqa: E402
from soak.stand import Figures, Run  # noqa: E402

Figures.with_memory = "--without-memory" not in sys.argv[4:]
with tempfile.TemporaryDirectory(prefix="riff-disk-") as place:
    run = Run(sys.argv[1], place, False, random.Random(int(sys.argv[3])))
    print(machine.full_disk(run, sys.argv[2]))
    sys.exit(1 if run.found else 0)
