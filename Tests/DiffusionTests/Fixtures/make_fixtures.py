"""Makes the fixtures of DiffusionTests: tiny checkpoints with seeded random weights, and what PyTorch,
transformers and diffusers make of them. Run by hand:

    python make_fixtures.py     (needs torch, diffusers, transformers, tokenizers, safetensors, numpy)

Maps are stored channels-last ([height, width, channels]), as the engine holds them. Written with
torch 2.11, diffusers 0.38, transformers 5.
"""

import collections
import json
import pathlib
import shutil

import numpy as np
import torch
from diffusers import (
    AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel)
from diffusers.guiders import ClassifierFreeGuidance
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
PROMPTS = [
    "",
    "funk bassline with a jazzy saxophone solo",
    "Church Bells,   ringing\tat\nNOON!!",
    "don't they'll we've I'm it's she'd you're 'tis rock'n'roll ''s",
    "808 drums 120bpm 3/4 time \u00bd \u2167 \u0663",
    "caf\u00e9 cafe\u0301 na\u00efve \u00c5ngstr\u00f6m \u212b",
    "\u0130stanbul \u03a3\u0391\u03a3 \u1e9e \u01c5",
    "\u65e5\u672c\u8a9e\u306e\u97f3\u697d \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab",
    "\U0001f3b7\U0001f3ba\U0001f468\u200d\U0001f469\u200d\U0001f467 sax \u2764\ufe0f",
    "a\u00a0b\u200bc\u3000d\u0085e\u2028f",
    "<|startoftext|> in <|endoftext|>the middle <|ENDOFTEXT|>!!",
    "...---...!?#$%&()*+,-./:;<=>@[\\]^_`{|}~",
    "\u0915\u094d\u0937\u093f \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
    "ultra" * 12 + " " + "techno techno " * 40,
    "x\u0301\u0327 \ufb01 \u2460 \u00b2 _under_score",
]
# Pairs that a byte-pair encoding of such prompts joins, most frequent first.
MERGES = (
    "a s | b e | b as | c h | i n | o l | a n | a x | a t</w> | d r | e ch | h o | l l | l t | "
    "n o</w> | n e</w> | o p | o n</w> | r a</w> | s ol | s ax | t ech | u lt | v e</w> | "
    "be ll | bas s</w> | an d</w> | dr u | ho ne</w> | op hone</w> | sol o</w> | "
    "sax ophone</w> | tech no</w> | ult ra</w> | bell s</w> | ' l | ' r | ' m</w> | ' s</w> | "
    "' d</w> | ' t</w> | ' ve</w> | a f | a z | a \xc3 | b p | c h</w> | c af | d on</w> | "
    "e y</w> | f u | g in | h e</w> | h ey</w> | i t | i t</w> | i n</w> | i ol | j az | l in | "
    "m s</w> | n o | n k</w> | n a\xc3 | o u</w> | r in | r ch</w> | s he</w> | s lin | "
    "t hey</w> | u rch</w> | v iol | w e</w> | w it | y ou</w> | z y</w> | \xaf ve</w> | "
    "\xc3 \xa9</w> | be at</w> | bas slin | ch urch</w> | dru m</w> | dru ms</w> | 'l l</w> | "
    "'r e</w> | bp m</w> | caf \xc3\xa9</w> | fu nk</w> | gin g</w> | jaz zy</w> | no on</w> | "
    "na\xc3 \xafve</w> | rin ging</w> | viol in</w> | wit h</w> | basslin e</w>"
).split(" | ")


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def tokenizer_folder(folder, padding):
    """A vocabulary of CLIP's kind: 256 bytes, 256 at a word's end, merges, two special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [tuple(merge.split(" ")) for merge in MERGES]
    words = list(dict.fromkeys(
        alphabet + [a + "</w>" for a in alphabet] + [a + b for a, b in merges]))
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "vocab.json", {word: index for index, word in enumerate(words)})
    lines = ["#version: 0.2"] + [" ".join(m) for m in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True})
    write_json(folder / "special_tokens_map.json", {
        "bos_token": {"content": "<|startoftext|>", "lstrip": False, "normalized": True,
                      "rstrip": False, "single_word": False},
        "eos_token": {"content": "<|endoftext|>", "lstrip": False, "normalized": True,
                      "rstrip": False, "single_word": False},
        "unk_token": "<|endoftext|>", "pad_token": padding})
    return len(words)


def randomize(model, seed):
    """Weights that make every layer matter: norms near one, biases off zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                fan = parameter[0].numel()
                parameter.copy_(noise * (0.4 if "embedding" in name else 0.9 / fan**0.5))
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.1 * noise)
    return model.eval()


def text_encoder(vocabulary, hidden, activation, seed):
    return randomize(CLIPTextModel(CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=2 * hidden,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=77,
        hidden_act=activation, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1)), seed)


def last(array):
    """NCHW of one item -> HWC, contiguous f32."""
    return array[0].permute(1, 2, 0).contiguous().float()


# The keys that Stable Diffusion 1.5 has in its files: the rest came later and takes its default.
PUBLISHED = {
    "unet": (
        "_class_name _diffusers_version act_fn attention_head_dim block_out_channels "
        "center_input_sample cross_attention_dim down_block_types downsample_padding "
        "flip_sin_to_cos freq_shift in_channels layers_per_block mid_block_scale_factor norm_eps "
        "norm_num_groups out_channels sample_size up_block_types").split(),
    "vae": (
        "_class_name _diffusers_version act_fn block_out_channels down_block_types in_channels "
        "latent_channels layers_per_block norm_num_groups out_channels sample_size "
        "up_block_types").split(),
}


def as_published(folder):
    """Files as Stable Diffusion 1.5 has them: its keys, its index, its scheduler's stray clip_sample."""
    for part, keys in PUBLISHED.items():
        path = folder / part / "config.json"
        config = json.loads(path.read_text())
        write_json(path, {key: config[key] for key in keys})
    path = folder / "model_index.json"
    write_json(path, json.loads(path.read_text()) | {
        "_diffusers_version": "0.6.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]})
    write_json(folder / "scheduler" / "scheduler_config.json", {
        "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
        "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
        "trained_betas": None, "clip_sample": False})


def checkpoint(
        name, *, unet, vae, encoder, scheduler, scheduler_class=DDIMScheduler,
        padding="<|endoftext|>", dtype=None):
    folder = HERE / name
    if folder.exists():
        shutil.rmtree(folder)
    vocabulary = tokenizer_folder(folder / "tokenizer", padding)
    text = text_encoder(vocabulary, seed=1, **encoder)
    net = randomize(UNet2DConditionModel(**unet), 2)
    auto = randomize(AutoencoderKL(**vae), 3)
    if dtype is not None:
        for model in (text, net, auto):
            model.to(dtype)
    schedule = scheduler_class(**scheduler)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    text.save_pretrained(folder / "text_encoder")
    net.save_pretrained(folder / "unet")
    auto.save_pretrained(folder / "vae")
    schedule.save_pretrained(folder / "scheduler")
    write_json(folder / "model_index.json", {
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", type(schedule).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "safety_checker": [None, None]})
    for model in (text, net, auto):
        model.float()  # computed in f32 whatever the file holds
    pipeline = StableDiffusionPipeline(
        vae=auto, text_encoder=text, tokenizer=tokenizer, unet=net, scheduler=schedule,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    expected = {}
    with torch.no_grad():
        ids = tokenizer(
            [PROMPTS[0], PROMPTS[1]], padding="max_length", max_length=77, truncation=True,
            return_tensors="pt").input_ids
        embedding = text(ids)[0]
        expected["embedding"] = embedding
        size = unet["sample_size"]
        generator = torch.Generator().manual_seed(5)
        latents = torch.randn((2, unet["in_channels"], size, size + 3), generator=generator)
        expected["unet_latents"] = latents.permute(0, 2, 3, 1).contiguous()
        step = net(latents, 601, encoder_hidden_states=embedding).sample
        expected["unet_output"] = step.permute(0, 2, 3, 1).contiguous()
        z = torch.randn((1, vae["latent_channels"], 6, 5), generator=generator)
        expected["vae_latents"] = last(z)
        expected["vae_picture"] = last(auto.decode(z).sample)
        factor = 2 ** (len(vae["block_out_channels"]) - 1)
        picture = torch.randn((1, 3, 6 * factor, 4 * factor), generator=generator)
        expected["vae_source"] = last(picture)
        expected["vae_mean"] = last(auto.encode(picture).latent_dist.mean)
        for key, scale, negative in (("guided", 7.5, "violin solo"), ("plain", 1.0, None)):
            image = pipeline(
                PROMPTS[1], negative_prompt=negative, num_inference_steps=10,
                guidance_scale=scale, height=24, width=32, output_type="latent",
                generator=torch.Generator().manual_seed(2**32 + 1234)).images
            expected[f"picture_{key}"] = last(
                auto.decode(image / auto.config.scaling_factor).sample)
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    for unneeded in folder.rglob("*.md"):
        unneeded.unlink()


def linear_patch():
    """Our own autoencoder, against numpy: patches of 4 by 8 pixels, 6 latents."""
    folder = HERE / "linear-patch"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(HERE / "sd1", folder, ignore=shutil.ignore_patterns("expected*", "vae", "unet"))
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = "RiffPipeline"
    index["vae"] = ["riff", "LinearPatchAutoencoder"]
    write_json(folder / "model_index.json", index)
    net = randomize(UNet2DConditionModel(
        sample_size=4, in_channels=6, out_channels=6, block_out_channels=(8,), layers_per_block=1,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), norm_num_groups=4,
        cross_attention_dim=16, attention_head_dim=2), 4)
    net.save_pretrained(folder / "unet")
    random = np.random.default_rng(7)
    weights = {
        "encoder.weight": random.standard_normal((6, 32)), "encoder.bias": random.standard_normal(6),
        "decoder.weight": random.standard_normal((32, 6)), "decoder.bias": random.standard_normal(32)}
    weights = {key: value.astype(np.float32) for key, value in weights.items()}
    (folder / "vae").mkdir()
    write_json(folder / "vae" / "config.json", {
        "_class_name": "LinearPatchAutoencoder", "in_channels": 1, "patch_size": [4, 8],
        "latent_channels": 6, "scaling_factor": 0.5})
    save_file({k: torch.from_numpy(v) for k, v in weights.items()},
              folder / "vae" / "diffusion_pytorch_model.safetensors")
    latents = random.standard_normal((3, 2, 6)).astype(np.float32)
    patches = latents @ weights["decoder.weight"].T + weights["decoder.bias"]
    grey = patches.reshape(3, 2, 4, 8).transpose(0, 2, 1, 3).reshape(12, 16)
    source = random.uniform(-1, 1, (12, 16)).astype(np.float32)
    rows = source.reshape(3, 4, 2, 8).transpose(0, 2, 1, 3).reshape(3, 2, 32)
    mean = rows @ weights["encoder.weight"].T + weights["encoder.bias"]

    def rgb(map):
        return torch.from_numpy(np.repeat(map[..., None], 3, axis=-1)).contiguous()

    save_file({"vae_latents": torch.from_numpy(latents), "vae_picture": rgb(grey),
               "vae_source": rgb(source), "vae_mean": torch.from_numpy(mean)},
              folder / "expected.safetensors")
    for unneeded in folder.rglob("*.md"):
        unneeded.unlink()


# Of pictures whose steps are not all alike: checkpoint, guidance's scale, start and stop, and every which
# step runs the U-Net's deep layers.
STEP_KINDS = (
    ("sd1", 5.0, 0.2, 0.8, 1), ("sd1", 5.0, 0.0, 0.55, 1), ("sd1", 5.0, 0.35, 1.0, 1),
    ("sd2", 5.0, 0.25, 0.75, 1), ("sd1-f16", 5.0, 0.3, 0.7, 1),
    ("sd1", 5.0, 0.0, 1.0, 2), ("sd1", 1.0, 0.0, 1.0, 2), ("sd1", 5.0, 0.3, 0.7, 4),
    ("sd2", 5.0, 0.0, 1.0, 3), ("sd1-f16", 5.0, 0.0, 1.0, 2))


class DeepFeatures:
    """Keeps what the deep layers of a U-Net give the last layer of the way up, or puts it back.

    The U-Net runs as a whole either way, and what a shallow step makes of its deep layers is thrown away.
    """

    def __init__(self, net):
        last = net.up_blocks[-1].resnets[-1]
        # The other channels come from the first convolution.
        self.channels = last.conv1.in_channels - net.conv_in.out_channels
        self.kept = None
        self.reuse = False
        last.register_forward_pre_hook(self.hook)

    def hook(self, _, inputs):
        joined, *rest = inputs
        if not self.reuse:
            self.kept = joined[:, :self.channels].clone()
            return None
        # Where guidance has ended, what is kept has an item more than this step: the negative prompt's.
        kept = self.kept[-joined.shape[0]:]
        return torch.cat([kept, joined[:, self.channels:]], dim=1), *rest


def wide_pictures():
    """Pictures by the autoencoder of sd1: as wide as is decoded as a whole, and wider."""
    auto = AutoencoderKL.from_pretrained(HERE / "sd1" / "vae")
    generator = torch.Generator().manual_seed(21)
    tensors = {}
    with torch.no_grad():
        for width in (128, 300):
            z = torch.randn((1, 4, 2, width), generator=generator)
            tensors[f"{width}_latents"] = last(z)
            tensors[f"{width}_picture"] = last(auto.decode(z).sample)
    save_file(tensors, HERE / "wide-pictures.safetensors")


def step_kinds():
    """Pictures, before they become 8-bit, with diffusers' guider deciding at which steps there is guidance.

    In f32, whatever the file holds. The steps are all runs of the U-Net: PNDM's second is made twice.
    """
    tensors = {}
    for name, scale, start, stop, interval in STEP_KINDS:
        folder = HERE / name
        text = CLIPTextModel.from_pretrained(folder / "text_encoder").float()
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        net = UNet2DConditionModel.from_pretrained(folder / "unet").float()
        auto = AutoencoderKL.from_pretrained(folder / "vae").float()
        kind = json.loads((folder / "model_index.json").read_text())["scheduler"][1]
        scheduler = {"DDIMScheduler": DDIMScheduler, "PNDMScheduler": PNDMScheduler}[
            kind].from_pretrained(folder / "scheduler")
        guider = ClassifierFreeGuidance(guidance_scale=scale, start=start, stop=stop)
        deep = DeepFeatures(net)
        with torch.no_grad():
            embedding = text(tokenizer(
                ["violin solo", PROMPTS[1]], padding="max_length", max_length=77,
                truncation=True, return_tensors="pt").input_ids)[0]
            scheduler.set_timesteps(10)
            count = len(scheduler.timesteps)
            latents = torch.randn((1, 4, 12, 16), generator=torch.Generator().manual_seed(99))
            latents = latents * scheduler.init_noise_sigma
            for index, time in enumerate(scheduler.timesteps):
                guider.set_state(step=index, num_inference_steps=count, timestep=time)
                runs = guider.num_conditions
                deep.reuse = index % interval != 0 and runs <= deep.kept.shape[0]
                sample = scheduler.scale_model_input(torch.cat([latents] * runs), time)
                noise = net(sample, time, encoder_hidden_states=embedding[2 - runs:]).sample
                prediction = guider.forward(
                    noise[-1:], noise[:1] if runs == 2 else None).pred
                latents = scheduler.step(prediction, time, latents).prev_sample
            tensors[f"{name}/{scale}/{start}/{stop}/{interval}"] = last(
                auto.decode(latents / auto.config.scaling_factor).sample)
    save_file(tensors, HERE / "step-kinds.safetensors")


def noise():
    tensors = {}
    for seed in (0, 42, 2**32 - 1, 2**32 + 42, 2**63 + 9, 2**64 - 1):
        for count in (1, 5, 15, 16, 17, 1000, 4 * 16 * 16):
            generator = torch.Generator().manual_seed(seed if seed < 2**63 else seed - 2**64)
            tensors[f"{seed}/{count}"] = torch.randn(count, generator=generator)
    generator = torch.Generator().manual_seed(3)
    for index, count in enumerate((5, 20, 3, 33)):
        tensors[f"stream/{index}/{count}"] = torch.randn(count, generator=generator)
    save_file(tensors, HERE / "noise.safetensors")


def tokens():
    tokenizer = CLIPTokenizer.from_pretrained(HERE / "sd1" / "tokenizer")
    cases = [{"prompt": p, "tokens": tokenizer(
        p, padding="max_length", max_length=77, truncation=True).input_ids} for p in PROMPTS]
    # Stable Diffusion 2 pads with "!", which then is a special token inside prompts as well.
    tokenizer2 = CLIPTokenizer.from_pretrained(HERE / "sd2" / "tokenizer")
    cases2 = [{"prompt": p, "tokens": tokenizer2(
        p, padding="max_length", max_length=77, truncation=True).input_ids} for p in PROMPTS]
    # Special tokens looked for after lowercasing: every name of theirs has to say so.
    folder = HERE / "linear-patch" / "tokenizer"
    special = json.loads((folder / "special_tokens_map.json").read_text())
    special["unk_token"] = special["pad_token"] = special["eos_token"]
    write_json(folder / "special_tokens_map.json", special)
    tokenizer3 = CLIPTokenizer.from_pretrained(folder)
    cases3 = [{"prompt": p, "tokens": tokenizer3(
        p, padding="max_length", max_length=77, truncation=True).input_ids} for p in PROMPTS]
    write_json(HERE / "tokens.json", {"sd1": cases, "sd2": cases2, "linear-patch": cases3})
    # The same tokenizer as one file, as transformers 5 saves it.
    folder = HERE / "sd1-f16" / "tokenizer"
    shutil.rmtree(folder)
    tokenizer.save_pretrained(folder)


SD1 = dict(
    unet=dict(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 8, 12),
        layers_per_block=1, cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")),
    vae=dict(
        block_out_channels=(8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=16, scaling_factor=0.18215),
    encoder=dict(hidden=16, activation="quick_gelu"),
    scheduler=dict(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1))
SD2 = dict(
    unet=dict(
        SD1["unet"], block_out_channels=(8, 12), attention_head_dim=(2, 4),
        layers_per_block=(1, 2), use_linear_projection=True, cross_attention_dim=24, sample_size=6,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")),
    vae=dict(SD1["vae"], block_out_channels=(4, 8)),
    encoder=dict(hidden=24, activation="gelu"),
    scheduler=dict(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction",
        rescale_betas_zero_snr=True, timestep_spacing="trailing"))
# Stable Diffusion 1.5's own layout: four levels, two layers each.
DEEP = dict(
    SD1, unet=dict(
        SD1["unet"], block_out_channels=(4, 8, 8, 12), layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3),
    vae=dict(
        SD1["vae"], block_out_channels=(4, 4, 8, 8), layers_per_block=2, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4),
    scheduler_class=PNDMScheduler,
    scheduler=dict(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1))
SMALL = dict(
    SD1, unet=dict(
        SD1["unet"], block_out_channels=(8, 12),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")),
    vae=dict(SD1["vae"], block_out_channels=(4, 8)))
# The prompt joins the timestep's embedding too.
ADDED = dict(SMALL, unet=dict(
    SMALL["unet"], addition_embed_type="text", addition_embed_type_num_heads=4))


def old_names():
    """SD 1's early autoencoders: other attention names; CLIP weights with their prefix."""
    path = HERE / "sd1" / "vae" / "diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = {}
    for name, tensor in load_file(path).items():
        for new, old in names.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        tensors[name] = tensor
    save_file(tensors, path, metadata={"format": "pt"})
    path = HERE / "sd1" / "text_encoder" / "model.safetensors"
    tensors = {
        name if name.startswith("text_model.") else f"text_model.{name}": tensor
        for name, tensor in load_file(path).items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(tensors, path, metadata={"format": "pt"})


def torch_files():
    """The weights of sd1-bf16 as `torch.save` writes them, one part in shards; tensors of each kind;
    and a file in the format of PyTorch before 1.6."""
    folder = HERE / "torch"
    if folder.exists():
        shutil.rmtree(folder)
    source = HERE / "sd1-bf16"
    for part, stem in (("text_encoder", "pytorch_model"), ("unet", "diffusion_pytorch_model"),
                       ("vae", "diffusion_pytorch_model")):
        (folder / part).mkdir(parents=True)
        path = next((source / part).glob("*.safetensors"))
        tensors = collections.OrderedDict(load_file(path))
        # What a module's state_dict() carries along.
        tensors._metadata = collections.OrderedDict({"": {"version": 1}})
        if part == "text_encoder":
            # Each value is a bfloat16's, so the wider types hold it as well.
            tensors = {f"text_model.{name}": tensor.float() for name, tensor in tensors.items()}
            tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
        if part == "unet":
            names = list(tensors)
            middle = len(names) // 2
            shards = {f"{stem}-00001-of-00002.bin": names[:middle],
                      f"{stem}-00002-of-00002.bin": names[middle:]}
            for shard, own in shards.items():
                torch.save({name: tensors[name] for name in own}, folder / part / shard)
            write_json(folder / part / f"{stem}.bin.index.json", {
                "metadata": {"total_size": sum(t.nbytes for t in tensors.values())},
                "weight_map": {name: shard for shard, own in shards.items() for name in own}})
            continue
        torch.save(tensors, folder / part / f"{stem}.bin")
    generator = torch.Generator().manual_seed(13)
    values = torch.randn((3, 4), generator=generator)
    shared = torch.arange(10, dtype=torch.float32)
    state = torch.nn.Linear(2, 3).state_dict()
    state["weight"] = values[:, :2].contiguous()
    state["bias"] = values[0]
    state |= {
        "f16": values.half(), "bf16": values.bfloat16(), "parameter": torch.nn.Parameter(values),
        "start": shared[:4], "end": shared[6:], "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3), "one": values[:1].T, "count": torch.tensor([1, -2, 3])}
    torch.save(state, folder / "types.bin")
    torch.save({"weight": values}, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"weight": values.T}, folder / "transposed.bin")
    torch.save({"state_dict": {"weight": values}}, folder / "nested.bin")
    torch.save({"weight": values}, folder / "protocol4.bin", pickle_protocol=4)
    torch.save({"weight": values.numpy()}, folder / "numpy.bin")
    save_file({"values": values, "shared": shared}, folder / "expected.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    checkpoint("sd1", **SD1)
    checkpoint("sd2", **SD2, padding="!")
    checkpoint("sd1-f16", **DEEP, dtype=torch.float16)
    as_published(HERE / "sd1-f16")
    checkpoint("sd1-bf16", **SMALL, dtype=torch.bfloat16)
    checkpoint("added-text", **ADDED, dtype=torch.float16)
    linear_patch()
    noise()
    tokens()
    old_names()
    torch_files()
    step_kinds()
    wide_pictures()
    total = sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file())
    print(f"{total / 1e6:.2f} MB")
