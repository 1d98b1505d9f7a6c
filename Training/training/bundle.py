"""Training on a machine without a network: what goes there, and what comes back.

`../bundle.sh DIR` gathers the wheels that such a machine lacks and the small sound font. What comes
back is a few small files: the weights and their moving average as f16, the step, the losses and the
newest sheet. A later call, there or here, goes on from them; the optimiser warms up again.
"""

import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PART = 14 * 2**20  # bytes; files of 15 MiB at most come back


def unpack(bundle: Path, folder: Path):
    """Makes the bundle's wheels importable and its sound font the one that is played."""
    site, font = folder / "site", folder / "font.sf3"
    version = f"cp{sys.version_info.major}{sys.version_info.minor}-"
    for wheel in sorted((bundle / "wheels").glob("*.whl")):
        if "-none-any" in wheel.name or version in wheel.name:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
    if not font.exists():
        folder.mkdir(parents=True, exist_ok=True)
        font.write_bytes(lzma.decompress((bundle / "font.sf3.xz").read_bytes()))
    sys.path.insert(0, str(site))
    # For the processes that render.
    os.environ["RIFF_SOUND_FONT"] = str(font)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(site), str(ROOT / "Training")))


def _parts(tensors: dict) -> list[dict]:
    """The tensors as f16 in parts of `PART` bytes at most."""
    import torch

    parts, size = [{}], 0
    for name, value in tensors.items():
        value = value.detach().to("cpu", torch.float16 if value.is_floating_point() else None)
        if size + value.nbytes > PART and parts[-1]:
            parts.append({})
            size = 0
        parts[-1][name] = value.contiguous()
        size += value.nbytes
    return parts


def leave(run, out: Path):
    """Writes what resuming and shipping take."""
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    for kind, tensors in (("weights", run.model.state_dict()), ("average", run.average)):
        for n, part in enumerate(_parts(tensors)):
            save_file(part, out / f"{kind}-{n}.safetensors")
    state = {"step": run.step, "samples": run.samples, "seconds": run.seconds}
    (out / "state.json").write_text(json.dumps(state) + "\n")
    shutil.copy(run.folder / "loss.csv", out)
    sheets = sorted((run.folder / "sheets").glob("*.png"))
    if sheets:
        shutil.copy(sheets[-1], out / "sheet.png")


def take(run, folder: Path):
    """Goes on from what `leave` wrote."""
    from safetensors.torch import load_file

    found = {}
    for kind in ("weights", "average"):
        found[kind] = {}
        for path in sorted(folder.glob(f"{kind}-*.safetensors")):
            found[kind] |= load_file(path)
    run.model.load_state_dict(found["weights"])
    device = run.preset.device
    run.average = {
        n: v.to(device, run.average[n].dtype, copy=True) for n, v in found["average"].items()
    }
    state = json.loads((folder / "state.json").read_text())
    run.step, run.samples, run.seconds = state["step"], state["samples"], state["seconds"]
    if (folder / "loss.csv").exists():
        shutil.copy(folder / "loss.csv", run.folder)


class Renderer:
    """Renders in processes of its own while the block runs."""

    def __init__(self, work: Path, preset: str, processes: int):
        self.command = [sys.executable, "-m", "training", "render", "--preset", preset]
        self.command += ["--work", str(work), "--processes", str(processes)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, cwd=ROOT / "Training", start_new_session=True)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()

    def wait_for(self, shards: int, data: Path):
        """Until there are so many shards, or all of them."""
        while len(list(data.glob("[0-9]*.npy"))) < shards and self.process.poll() is None:
            time.sleep(0.5)
