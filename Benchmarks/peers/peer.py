"""Runs one part of a Stable Diffusion model in PyTorch or OpenVINO, when told to.

Lines in, lines out, so that whoever measures can take turns with it:

    prepare PART BACKEND    PART: unet | vae-decode | vae-encode | tiny-decode
                            BACKEND: torch | torch-bf16 | openvino | openvino-default | nncf
        -> ready DESCRIPTION
    run                     once, on the same input
        -> ran SECONDS CPU_SECONDS
    errors PART FOLDER      how far bf16 is from f32 in PyTorch, with the weights of a checkpoint
        -> differs SHARE DECIBELS
    anything that fails     -> failed MESSAGE

The model has the configuration of the folder named on the command line and random weights: their
values do not matter for time. "torch" and "openvino" compute in f32, "openvino-default" in what OpenVINO
chooses by itself (bf16 on CPUs that have it), "nncf" in 8 bits after nncf.quantize (weights and
activations, of model type TRANSFORMER with the preset MIXED). Threads keep their libraries' own settings: they look for work for some
milliseconds after a run and then sleep, so whoever measures waits that long before its own turn.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy
import torch


def model_part(folder: Path, part: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The part as a module from tensors to one tensor, and an input for it."""
    from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel

    kind, name = {"unet": (UNet2DConditionModel, "unet"),
                  "tiny-decode": (AutoencoderTiny, "vae-tiny")}.get(part, (AutoencoderKL, "vae"))
    config = json.loads((folder / name / "config.json").read_text())
    model = kind.from_config(config).eval()
    size = 512 if part == "tiny-decode" else model.config.sample_size
    with torch.inference_mode():
        generator = torch.Generator().manual_seed(0)

        def noise(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        if part == "unet":
            return UNet(model), (
                noise(1, model.config.in_channels, size, size),
                torch.tensor([500.0]),
                noise(1, 77, model.config.cross_attention_dim),
            )
        if part == "tiny-decode":
            shrunk = size // 2 ** (len(model.config.decoder_block_out_channels) - 1)
            return model.decoder, (noise(1, model.config.latent_channels, shrunk, shrunk),)
        if part == "vae-decode":
            shrunk = size // 2 ** (len(model.config.block_out_channels) - 1)
            return Decoder(model), (noise(1, model.config.latent_channels, shrunk, shrunk),)
        return Encoder(model), (noise(1, model.config.in_channels, size, size),)


class UNet(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, sample, timestep, context):
        return self.model(sample, timestep, context, return_dict=False)[0]


class Decoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.convolution, self.decoder = model.post_quant_conv, model.decoder

    def forward(self, latents):
        return self.decoder(self.convolution(latents))


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder, self.convolution = model.encoder, model.quant_conv

    def forward(self, picture):
        return self.convolution(self.encoder(picture))


class Torch:
    """Eager PyTorch under inference_mode, channels first or last, whichever was faster once warm."""

    def __init__(self, folder: Path, part: str, threads: int, dtype: torch.dtype):
        torch.set_num_threads(threads)
        module, inputs = model_part(folder, part)
        self.module = module.to(dtype)
        self.inputs = tuple(x.to(dtype) for x in inputs)
        times = {}
        for name, layout in (
            ("channels first", torch.contiguous_format),
            ("channels last", torch.channels_last),
        ):
            self.arrange(layout)
            self.run()
            times[name] = self.run()
        best = min(times, key=times.get)
        if best == "channels first":
            self.arrange(torch.contiguous_format)
            self.run()
        other = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items())
        numbers = str(dtype).removeprefix("torch.")
        self.description = f"PyTorch {torch.__version__}, {numbers}, {best} (trial: {other})"

    def arrange(self, layout: torch.memory_format) -> None:
        self.module = self.module.to(memory_format=layout)
        self.inputs = tuple(
            x.contiguous(memory_format=layout) if x.dim() == 4 else x for x in self.inputs
        )

    def run(self) -> float:
        with torch.inference_mode():
            start = time.perf_counter()
            self.module(*self.inputs)
            return time.perf_counter() - start


class OpenVINO:
    """The traced module, compiled for the CPU once."""

    def __init__(self, folder: Path, part: str, threads: int, cache: Path | None, backend: str):
        import openvino

        quantized = backend == "nncf"
        if quantized:
            whole = cache / f"{folder.name}-{part}-nncf.xml" if cache else None
            if whole and whole.exists():
                self.compile(openvino.Core().read_model(whole), threads, backend)
                return
        path = cache / f"{folder.name}-{part}.xml" if cache else None
        if path and path.exists():
            model = openvino.Core().read_model(path)
        else:
            module, inputs = model_part(folder, part)
            shapes = [tuple(x.shape) for x in inputs]
            with torch.no_grad():
                traced = torch.jit.trace(module, inputs, check_trace=False)
                model = openvino.convert_model(
                    traced, example_input=inputs, input=[list(shape) for shape in shapes]
                )
            if path:
                cache.mkdir(parents=True, exist_ok=True)
                self.save(model, path)
        if quantized:
            import nncf

            model = nncf.quantize(
                model,
                nncf.Dataset([self.noise(model)]),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=1,
                fast_bias_correction=True,
            )
            if whole:
                self.save(model, whole)
        self.compile(model, threads, backend)

    @staticmethod
    def save(model, path: Path) -> None:
        import openvino

        unfinished = path.with_name(f"unfinished-{path.name}")
        openvino.save_model(model, unfinished, compress_to_fp16=False)
        # The description last: a file that is there is whole.
        unfinished.with_suffix(".bin").rename(path.with_suffix(".bin"))
        unfinished.rename(path)

    @staticmethod
    def noise(model) -> list[numpy.ndarray]:
        random = numpy.random.default_rng(0)
        shapes = [tuple(port.shape) for port in model.inputs]
        return [
            numpy.full(shape, 500, numpy.float32)
            if len(shape) == 1
            else random.standard_normal(shape, dtype=numpy.float32)
            for shape in shapes
        ]

    def compile(self, model, threads: int, backend: str) -> None:
        import openvino

        self.inputs = self.noise(model)
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        if backend == "openvino":
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        self.request = compiled.create_infer_request()
        self.run()
        numbers = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        also = ", 8 bits by NNCF" if backend == "nncf" else ""
        self.description = f"OpenVINO {openvino.__version__.split('-')[0]}, {numbers}{also}"

    def run(self) -> float:
        start = time.perf_counter()
        self.request.infer(self.inputs)
        return time.perf_counter() - start


def errors(part: str, folder: Path) -> tuple[float, float]:
    """The error of an autoencoder in bf16, as a share of the result's size and as a PSNR of its range."""
    from diffusers import AutoencoderKL, AutoencoderTiny

    kind, name = {"tiny-decode": (AutoencoderTiny, "vae-tiny")}.get(part, (AutoencoderKL, "vae"))
    model = kind.from_pretrained(folder / name).eval()
    if part == "tiny-decode":
        channels, size, module = model.config.latent_channels, 64, model.decoder
    elif part == "vae-decode":
        levels = len(model.config.block_out_channels)
        channels, module = model.config.latent_channels, Decoder(model)
        size = model.config.sample_size // 2 ** (levels - 1)
    else:
        channels, size, module = model.config.in_channels, model.config.sample_size, Encoder(model)
    # As riff-bench makes its inputs.
    turns = numpy.arange(size * size * channels, dtype=numpy.float32) * numpy.float32(0.618034)
    values = 2 * (turns - numpy.floor(turns)) - 1
    inputs = torch.from_numpy(values.reshape(1, size, size, channels)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        exact = module(inputs).double()
        rounded = module.to(torch.bfloat16)(inputs.to(torch.bfloat16)).double()
    if part == "vae-encode":
        exact, rounded = (x[:, : x.shape[1] // 2] for x in (exact, rounded))
    error = (rounded - exact).square().mean().sqrt()
    extent = exact.max() - exact.min()
    share = error / exact.square().mean().sqrt()
    return share.item(), (20 * torch.log10(extent / error)).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder with unet/ and vae/, each a config.json")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="keeps what OpenVINO makes of a model")
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the libraries print is not an answer
    peer = None
    for line in sys.stdin:
        try:
            match line.split():
                case ["prepare", part, "torch" | "torch-bf16" as backend]:
                    peer = None
                    dtype = torch.bfloat16 if backend == "torch-bf16" else torch.float32
                    peer = Torch(arguments.model, part, arguments.threads, dtype)
                    answer = f"ready {peer.description}"
                case ["prepare", part, "openvino" | "openvino-default" | "nncf" as backend]:
                    peer = None
                    peer = OpenVINO(
                        arguments.model, part, arguments.threads, arguments.cache, backend)
                    answer = f"ready {peer.description}"
                case ["errors", part, checkpoint]:
                    answer = "differs {:.6f} {:.3f}".format(*errors(part, Path(checkpoint)))
                case ["run"] if peer:
                    used = time.process_time()
                    seconds = peer.run()
                    answer = f"ran {seconds:.6f} {time.process_time() - used:.6f}"
                case _:
                    answer = f"failed not understood: {line.strip()}"
        except Exception as error:
            answer = f"failed {type(error).__name__}: {error}".replace("\n", " ")
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
