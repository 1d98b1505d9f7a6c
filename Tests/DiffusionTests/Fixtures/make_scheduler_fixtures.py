"""Makes the fixtures of the schedulers' tests: what diffusers' classes do with a made-up model. Run by
hand, after make_fixtures.py, whose sd1 checkpoint it reads:

    python make_scheduler_fixtures.py     (needs torch, diffusers, transformers, safetensors, numpy, scipy)

schedulers.json lists the runs, schedulers.safetensors holds them. The made-up model's output at the
k-th of its runs is outputs[k % 16] + 0.25 · (what the scheduler gives the model to see), so that every
step depends on all before it. Maps are stored channels-last. Written with torch 2.13, diffusers 0.42.
"""

import json
import pathlib

import torch
import diffusers
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = {
    "ddim": "DDIMScheduler", "pndm": "PNDMScheduler", "euler": "EulerDiscreteScheduler",
    "euler-a": "EulerAncestralDiscreteScheduler", "dpm++2m": "DPMSolverMultistepScheduler",
    "dpm++2m-karras": "DPMSolverMultistepScheduler", "lcm": "LCMScheduler",
    "lms": "LMSDiscreteScheduler", "heun": "HeunDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler", "deis": "DEISMultistepScheduler",
    "dpm++2m-sde": "DPMSolverMultistepScheduler"}
DDIM, PNDM, EULER, ANCESTRAL, DPM, _, LCM, LMS, HEUN, UNIPC, DEIS, _ = CLASSES.values()
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
TRAINED = [0.001 + 0.03 * (i / 99) ** 2 for i in range(100)]
SHAPES = {"map": (1, 4, 2, 3), "dot": (1, 4, 1, 2)}  # at least 16 values, and fewer

# class, configuration, steps of each run, other arguments
RUNS = [
    (DDIM, dict(SD, clip_sample=False, set_alpha_to_one=False, steps_offset=1), (1, 7, 50), {}),
    (DDIM, dict(SD, clip_sample=False, set_alpha_to_one=False, steps_offset=1), (2, 20),
     dict(eta=1.0)),
    (DDIM, dict(SD, clip_sample=False), (5,), dict(eta=0.4, shape="dot")),
    (DDIM, dict(SD, clip_sample=False, prediction_type="v_prediction", rescale_betas_zero_snr=True,
                timestep_spacing="trailing"), (1, 7, 20), {}),
    (DDIM, dict(SD, clip_sample=False, prediction_type="v_prediction", rescale_betas_zero_snr=True,
                timestep_spacing="trailing"), (6,), dict(eta=0.5)),
    (DDIM, dict(timestep_spacing="linspace"), (3, 10), {}),
    (DDIM, dict(beta_schedule="squaredcos_cap_v2", clip_sample_range=0.7,
                prediction_type="sample"), (1, 7), dict(eta=0.3)),
    (DDIM, dict(num_train_timesteps=100, trained_betas=TRAINED, clip_sample=False,
                steps_offset=3), (7,), {}),
    (PNDM, dict(SD, skip_prk_steps=True, steps_offset=1), (1, 2, 3, 7, 50), {}),
    (PNDM, dict(SD, skip_prk_steps=True, prediction_type="v_prediction", set_alpha_to_one=True,
                timestep_spacing="trailing"), (2, 20), {}),
    (PNDM, dict(skip_prk_steps=True, timestep_spacing="linspace"), (7, 13), {}),
    (PNDM, dict(SD, steps_offset=1), (4, 5, 7, 20), {}),
    (PNDM, dict(beta_schedule="squaredcos_cap_v2", timestep_spacing="linspace"), (9,), {}),
    (PNDM, dict(SD, prediction_type="v_prediction", timestep_spacing="linspace"), (9,), {}),
    (PNDM, dict(SD, timestep_spacing="trailing", set_alpha_to_one=True), (11,), {}),
    (EULER, dict(SD), (1, 2, 7, 50), {}),
    (EULER, dict(SD, prediction_type="v_prediction", timestep_spacing="leading", steps_offset=1),
     (3, 20), {}),
    (EULER, dict(SD, prediction_type="v_prediction", timestep_spacing="trailing",
                 rescale_betas_zero_snr=True), (7, 20), {}),
    (EULER, dict(SD, use_karras_sigmas=True), (1, 7, 20), {}),
    (EULER, dict(SD, use_karras_sigmas=True, sigma_min=0.1, sigma_max=10.0,
                 timestep_spacing="leading", final_sigmas_type="sigma_min"), (7,), {}),
    (EULER, dict(prediction_type="sample", timestep_spacing="trailing"), (5,), {}),
    (EULER, dict(num_train_timesteps=100, trained_betas=TRAINED, timestep_spacing="leading",
                 steps_offset=99), (7,), {}),
    (ANCESTRAL, dict(SD), (1, 2, 7, 50), {}),
    (ANCESTRAL, dict(SD, timestep_spacing="leading", steps_offset=1), (3,), dict(shape="dot")),
    (ANCESTRAL, dict(SD, prediction_type="v_prediction", timestep_spacing="trailing",
                     rescale_betas_zero_snr=True), (7, 20), {}),
    (ANCESTRAL, dict(beta_schedule="squaredcos_cap_v2"), (7,), {}),
    (DPM, dict(SD), (1, 2, 3, 7, 14, 15, 50), {}),
    (DPM, dict(SD, use_karras_sigmas=True), (1, 2, 3, 7, 20, 50), {}),
    (DPM, dict(SD, prediction_type="v_prediction", timestep_spacing="trailing",
               rescale_betas_zero_snr=True), (7, 20), {}),
    (DPM, dict(SD, timestep_spacing="leading", steps_offset=1, solver_type="heun",
               lower_order_final=False), (7, 20), {}),
    (DPM, dict(SD, final_sigmas_type="sigma_min", euler_at_final=True), (7, 20), {}),
    (DPM, dict(SD, final_sigmas_type="sigma_min", use_karras_sigmas=True), (7, 20), {}),
    (DPM, dict(solver_order=1, prediction_type="sample"), (5,), {}),
    (DPM, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1), (7,), {}),
    (DPM, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1,
               timestep_spacing="trailing"), (7,), {}),
    (DPM, dict(beta_schedule="squaredcos_cap_v2", use_karras_sigmas=True), (7,), {}),
    (DPM, dict(SD, algorithm_type="deis", solver_type="logrho",
               final_sigmas_type="sigma_min"), (7,), {}),
    (LCM, dict(), (1, 2, 4, 7, 50), {}),
    (LCM, dict(original_inference_steps=100, timestep_scaling=3.5, clip_sample=True,
               prediction_type="v_prediction", rescale_betas_zero_snr=True), (4,), {}),
    (LCM, dict(SD, prediction_type="sample", num_train_timesteps=500), (3,), dict(shape="dot")),
    # From the middle, as riffusion's riffuse() does it.
    (DDIM, dict(SD, clip_sample=False, set_alpha_to_one=False, steps_offset=1), (10,),
     dict(start=4, eta=0.5)),
    (PNDM, dict(SD, skip_prk_steps=True, steps_offset=1), (10,), dict(start=1)),
    (PNDM, dict(SD, skip_prk_steps=True, steps_offset=1), (10,), dict(start=5)),
    (PNDM, dict(SD, steps_offset=1), (10,), dict(start=3)),
    (PNDM, dict(SD, steps_offset=1), (20,), dict(start=13)),
    (EULER, dict(SD), (10,), dict(start=4)),
    (EULER, dict(SD, use_karras_sigmas=True), (10,), dict(start=6)),
    (ANCESTRAL, dict(SD), (10,), dict(start=4)),
    (DPM, dict(SD), (10,), dict(start=4)),
    (DPM, dict(SD, use_karras_sigmas=True), (20,), dict(start=11)),
    (LCM, dict(), (6,), dict(start=2)),
    (LMS, dict(SD), (1, 2, 7, 50), {}),
    (LMS, dict(SD, prediction_type="v_prediction", timestep_spacing="leading", steps_offset=1,
               use_karras_sigmas=True), (3, 20), {}),
    (LMS, dict(prediction_type="sample", timestep_spacing="trailing"), (5,), dict(shape="dot")),
    (LMS, dict(SD), (10,), dict(start=4)),
    (HEUN, dict(), (1, 2, 7, 25), {}),
    (HEUN, dict(SD, use_karras_sigmas=True, prediction_type="v_prediction"), (7,), {}),
    (HEUN, dict(SD, clip_sample=True, clip_sample_range=0.7, timestep_spacing="leading",
                steps_offset=1), (6,), {}),
    (HEUN, dict(SD), (10,), dict(start=8)),
    (UNIPC, dict(SD), (1, 2, 3, 7, 50), {}),
    (UNIPC, dict(SD, solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min"),
     (1, 2, 3, 7, 20), {}),
    (UNIPC, dict(SD, solver_order=1, prediction_type="sample"), (5,), {}),
    (UNIPC, dict(SD, use_karras_sigmas=True, final_sigmas_type="sigma_min"), (7, 20), {}),
    (UNIPC, dict(SD, final_sigmas_type="sigma_min", lower_order_final=False,
                 disable_corrector=[0, 1]), (7,), {}),
    (UNIPC, dict(SD, prediction_type="v_prediction", timestep_spacing="trailing",
                 rescale_betas_zero_snr=True), (7, 20), {}),
    (UNIPC, dict(SD, solver_order=3), (10,), dict(start=4)),
    (DEIS, dict(SD), (1, 2, 3, 7, 20, 50), {}),
    (DEIS, dict(SD, solver_order=3), (1, 2, 3, 7, 20), {}),
    (DEIS, dict(SD, solver_order=1, prediction_type="v_prediction",
                timestep_spacing="trailing"), (5,), {}),
    (DEIS, dict(SD, use_karras_sigmas=True, lower_order_final=False), (7,), {}),
    (DEIS, dict(prediction_type="sample", timestep_spacing="leading", steps_offset=1), (7,), {}),
    (DEIS, dict(SD), (10,), dict(start=4)),
    (DPM, dict(SD, algorithm_type="sde-dpmsolver++"), (1, 2, 7, 20), {}),
    (DPM, dict(SD, algorithm_type="sde-dpmsolver++", solver_type="heun", use_karras_sigmas=True),
     (7, 20), {}),
    (DPM, dict(SD, algorithm_type="sde-dpmsolver++", prediction_type="v_prediction",
               timestep_spacing="trailing", rescale_betas_zero_snr=True), (7,), {}),
    (DPM, dict(SD, algorithm_type="sde-dpmsolver++"), (10,), dict(start=4)),
]

# Files as checkpoints have them, the class that their model_index.json names.
FILES = [
    # Stable Diffusion 1.5
    (PNDM, dict(_class_name=PNDM, _diffusers_version="0.6.0", beta_end=0.012,
                beta_schedule="scaled_linear", beta_start=0.00085, clip_sample=False,
                num_train_timesteps=1000, set_alpha_to_one=False, skip_prk_steps=True,
                steps_offset=1, trained_betas=None)),
    # Stable Diffusion 2.1
    (DDIM, dict(_class_name=DDIM, _diffusers_version="0.8.0", beta_end=0.012,
                beta_schedule="scaled_linear", beta_start=0.00085, clip_sample=False,
                num_train_timesteps=1000, prediction_type="v_prediction", set_alpha_to_one=False,
                skip_prk_steps=True, steps_offset=1, trained_betas=None)),
    # Nothing but the betas: every class's own defaults, and the pipeline's corrections
    (DDIM, dict(_class_name=DDIM, beta_end=0.012, beta_schedule="scaled_linear",
                beta_start=0.00085)),
    (PNDM, dict(_class_name=PNDM, beta_end=0.012, beta_schedule="scaled_linear",
                beta_start=0.00085)),
    (LCM, dict(_class_name=LCM)),
    # Old settings that the pipeline corrects before others take them over
    (PNDM, dict(_class_name=PNDM, beta_end=0.012, beta_schedule="scaled_linear",
                beta_start=0.00085, clip_sample=True, steps_offset=0, skip_prk_steps=True)),
    # Everything that DPM-Solver writes, infinities too
    (DPM, dict(SD, _class_name=DPM, use_karras_sigmas=True, timestep_spacing="leading",
               steps_offset=1, lower_order_final=True, lambda_min_clipped=-float("inf"),
               final_sigmas_type="zero", variance_type=None, solver_type="midpoint",
               thresholding=False, algorithm_type="dpmsolver++")),
    # Limits that DPM-Solver finds in its configuration although it does not take them
    (EULER, dict(SD, _class_name=EULER, sigma_min=0.05, sigma_max=12.0,
                 timestep_spacing="trailing", use_karras_sigmas=False)),
    # A solver of another kind, with a setting of its own for others to pass by
    ("UniPCMultistepScheduler", dict(
        SD, _class_name="UniPCMultistepScheduler", solver_type="bh2", predict_x0=True,
        timestep_spacing="linspace", steps_offset=0)),
]


def last(values):
    return values.permute(0, 2, 3, 1)[0].contiguous()


def pipeline_scheduler(class_name, config):
    """The checkpoint's own scheduler, as StableDiffusionPipeline corrects it."""
    own = getattr(diffusers, class_name).from_config(config)
    pipeline = StableDiffusionPipeline(
        vae=None, text_encoder=None, tokenizer=None, unet=None, scheduler=own,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    return pipeline.scheduler


def other(scheduler, name):
    kind = dict(
        use_karras_sigmas=name.endswith("karras"),
        algorithm_type="sde-dpmsolver++" if name.endswith("sde") else "dpmsolver++") \
        if "dpm" in name else {}
    return getattr(diffusers, CLASSES[name]).from_config(scheduler.config, **kind)


class Runs:
    def __init__(self):
        self.cases, self.tensors, self.bases = [], {}, {}
        for name, shape in SHAPES.items():
            generator = torch.Generator().manual_seed(7)
            outputs = torch.randn((16, *shape), generator=generator)
            clean = torch.randn(shape, generator=generator)
            self.bases[name] = (outputs, clean)
            self.tensors[f"{name}/outputs"] = torch.stack([last(o) for o in outputs])
            self.tensors[f"{name}/clean"] = last(clean)

    def add(self, scheduler, class_name, config, steps, *, name=None, corrected=False, eta=0.0,
            start=0, shape="map"):
        seed = len(self.cases)
        outputs, clean = self.bases[shape]
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(SHAPES[shape], generator=generator)
        scheduler.set_timesteps(steps)
        timesteps = scheduler.timesteps
        repeats = len(set(timesteps.tolist())) < len(timesteps)
        if repeats and hasattr(scheduler, "set_begin_index"):
            # Found by its timestep, a step would be the wrong one; image-to-image pipelines do this.
            scheduler.set_begin_index(start)
        scale = float(scheduler.init_noise_sigma)
        first = scheduler.add_noise(clean, noise, timesteps[start:start + 1])
        sample = first if start else noise * scheduler.init_noise_sigma
        extra = {}
        if class_name == DDIM and name in (None, "ddim"):
            extra = dict(eta=eta)
        if "Euler" in type(scheduler).__name__ or "DDIM" in type(scheduler).__name__ \
                or "LCM" in type(scheduler).__name__ or "DPM" in type(scheduler).__name__:
            extra["generator"] = generator
        after = []
        for k, t in enumerate(timesteps[start:]):
            seen = scheduler.scale_model_input(sample, t)
            output = outputs[k % 16] + 0.25 * seen
            sample = scheduler.step(output, t, sample, **extra).prev_sample
            after.append(last(sample))
        after = torch.stack(after)
        assert after.isfinite().all(), (class_name, config, steps)
        key = str(len(self.cases))
        self.tensors[f"{key}/after"] = after
        self.tensors[f"{key}/noisy"] = last(first)
        self.cases.append({
            "key": key, "className": class_name, "configuration": json.dumps(config),
            "name": name, "corrected": corrected, "steps": steps, "eta": eta, "start": start,
            "shape": shape, "seed": seed, "timesteps": timesteps.tolist(), "noiseScale": scale,
            "stepsOffset": scheduler.config.steps_offset})


def schedulers():
    runs = Runs()
    for class_name, config, counts, options in RUNS:
        for steps in counts:
            scheduler = getattr(diffusers, class_name).from_config(config)
            runs.add(scheduler, class_name, config, steps, **options)
    for class_name, config in FILES:
        if class_name in CLASSES.values():
            own = pipeline_scheduler(class_name, config)
            runs.add(own, class_name, config, 5, corrected=True)
        for name in CLASSES:
            own = pipeline_scheduler(class_name, config)
            same = CLASSES[name] == class_name
            if CLASSES[name] in (LMS, HEUN, DEIS) and config.get("rescale_betas_zero_snr"):
                continue  # refused
            if same and not name.endswith("sde") and ("dpm" not in name or config.get("use_karras_sigmas", False)
                         == name.endswith("karras")):
                continue  # the checkpoint's own one
            runs.add(other(own, name), class_name, config, 5, name=name, corrected=True)
    # ᾱ of every kind of schedule
    for index, (class_name, config) in enumerate([
            (DDIM, SD), (DDIM, {}), (DDIM, dict(beta_schedule="squaredcos_cap_v2")),
            (DDIM, dict(SD, rescale_betas_zero_snr=True)),
            (EULER, dict(SD, rescale_betas_zero_snr=True)), (LCM, {})]):
        scheduler = getattr(diffusers, class_name).from_config(config)
        runs.tensors[f"alphas/{index}"] = scheduler.alphas_cumprod
    save_file(runs.tensors, HERE / "schedulers.safetensors")
    (HERE / "schedulers.json").write_text(
        json.dumps(runs.cases, separators=(",", ":")) + "\n")
    return len(runs.cases)


def pictures():
    """Whole pictures of the sd1 checkpoint with every scheduler, before they become 8-bit."""
    folder = HERE / "sd1"
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    own = diffusers.DDIMScheduler.from_pretrained(folder / "scheduler")
    pipeline = StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet"), scheduler=own,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    tensors = {}
    for name in CLASSES:
        for eta in (0.0, 0.6) if name == "ddim" else (0.0,):
            pipeline.scheduler = own if name == "ddim" else other(own, name)
            with torch.no_grad():
                latents = pipeline(
                    "funk bassline with a jazzy saxophone solo", num_inference_steps=6, eta=eta,
                    guidance_scale=5.0, height=16, width=24, output_type="latent",
                    generator=torch.Generator().manual_seed(77)).images
                picture = vae.decode(latents / vae.config.scaling_factor).sample
            tensors[f"{name}/{eta}"] = last(picture)
    save_file(tensors, HERE / "scheduler-pictures.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(schedulers(), "runs")
    pictures()
