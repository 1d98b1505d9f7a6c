"""Makes lora: adapters for the checkpoint sd1 beside it in each naming, and what diffusers' pipeline makes with
them fused. Run by hand, after make_fixtures.py:

    python make_lora_fixtures.py     (needs torch, diffusers, transformers, peft, safetensors)

kohya.safetensors has an alpha each layer, linear, 1×1 and 3×3 targets, and the layers that LCM-LoRA has
(time_emb_proj, conv_shortcut, samplers); peft.safetensors has none, so it is the rank; processor.safetensors
has diffusers' older names; notes.safetensors has its alphas in the metadata, as diffusers saves them.

U-Nets are fused by diffusers, which reads the files. It does not read a text encoder's adapters with this
transformers, so their weights are fused here, W + weight · alpha / rank · up · down; that it is the same is
checked on the U-Nets.
Maps are stored channels-last. Written with torch 2.13, diffusers 0.42, transformers 5.24, peft 0.21.
"""

import json
import shutil
import tempfile

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from make_fixtures import HERE, last
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

OUT = HERE / "lora"
UNET = {
    "kohya": [
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
        "mid_block.attentions.0.transformer_blocks.0.ff.net.2",
        "up_blocks.1.attentions.0.proj_in", "up_blocks.2.attentions.1.proj_out",
        "down_blocks.0.resnets.0.conv1", "down_blocks.1.resnets.0.conv2",
        "up_blocks.0.resnets.1.conv_shortcut", "down_blocks.1.resnets.0.time_emb_proj",
        "down_blocks.0.downsamplers.0.conv", "up_blocks.0.upsamplers.0.conv"],
    "peft": [
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
        "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v",
        "up_blocks.1.attentions.0.proj_in", "mid_block.resnets.0.conv1"],
    "processor": [
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_v",
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"],
    "notes": [
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k",
        "mid_block.resnets.1.conv2", "up_blocks.1.attentions.0.transformer_blocks.0.ff.net.2"]}
TEXT = {
    "kohya": ["encoder.layers.0.self_attn.q_proj", "encoder.layers.1.mlp.fc1"],
    "peft": ["encoder.layers.1.self_attn.out_proj"],
    "processor": ["encoder.layers.0.self_attn.v_proj"],
    "notes": ["encoder.layers.0.mlp.fc2"]}
# Of "notes": all layers but one have alpha 5; the text encoder's is divided by the rank's root.
ALPHA = {"unet": 5.0, "text": 3.0}
PATTERN = {"mid_block.resnets.1.conv2": 7.0}
METADATA = {"lora_adapter_metadata": json.dumps({
    "unet.r": 2, "unet.lora_alpha": 5, "unet.alpha_pattern": PATTERN,
    "unet.rank_pattern": {"mid_block.resnets.1.conv2": 3},
    "unet.target_modules": UNET["notes"],
    "text_encoder.r": 2, "text_encoder.lora_alpha": 3, "text_encoder.use_rslora": True,
    "text_encoder.target_modules": ["text_model." + TEXT["notes"][0]]})}


def names(kind, part, layer):
    """up, down and alpha."""
    if kind == "kohya":
        stem = "lora_unet_" if part == "unet" else "lora_te_text_model_"
        stem += layer.replace(".", "_")
        return f"{stem}.lora_up.weight", f"{stem}.lora_down.weight", f"{stem}.alpha"
    stem = f"unet.{layer}" if part == "unet" else f"text_encoder.text_model.{layer}"
    if kind in ("peft", "notes"):
        return f"{stem}.lora_B.weight", f"{stem}.lora_A.weight", None
    if part == "unet":
        head, tail = stem.rsplit(".to_", 1)
        stem = f"{head}.processor.to_{tail.removesuffix('.0')}_lora"
        return f"{stem}.up.weight", f"{stem}.down.weight", None
    return f"{stem}.lora_linear_layer.up.weight", f"{stem}.lora_linear_layer.down.weight", None


def make(kind, unet, text, generator):
    """The file's tensors, and what it adds by part and layer at weight 1."""
    tensors, deltas = {}, {}
    for part, model, layers in (("unet", unet, UNET[kind]), ("text", text, TEXT[kind])):
        weights = {k.removeprefix("text_model."): v for k, v in model.state_dict().items()}
        for index, layer in enumerate(layers):
            weight = weights[f"{layer}.weight"]
            rank = 2 + index % 2
            down = torch.randn((rank, *weight.shape[1:]), generator=generator) * 0.4
            shape = (weight.shape[0], rank) + (1,) * (weight.ndim - 2)
            up = torch.randn(shape, generator=generator) * 0.4
            alpha = float(rank)
            name_up, name_down, name_alpha = names(kind, part, layer)
            tensors[name_up], tensors[name_down] = up.half(), down.half()
            if name_alpha:
                alpha = 1.5
                tensors[name_alpha] = torch.tensor(alpha)
            scale = alpha / rank
            if kind == "notes":
                scale = PATTERN.get(layer, ALPHA[part]) / (rank if part == "unet" else rank**0.5)
            delta = up.half().float().flatten(1) @ down.half().float().flatten(1)
            deltas[part, layer] = (delta * scale).reshape(weight.shape)
    return tensors, deltas


def weights(model):
    return {k.removeprefix("text_model."): v for k, v in model.named_parameters()}


def pipeline():
    folder = HERE / "sd1"
    made = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def fused(kinds, deltas):
    """A pipeline with the files of those names fused by diffusers, each with its weight; text encoders by hand."""
    made = added([item for item in deltas if item[0][0] == "text"])
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            path = OUT / f"{kind}.safetensors"
            tensors = {k: v for k, v in load_file(path).items() if "te_" not in k and "text" not in k}
            with safe_open(path, "pt") as file:
                notes = json.loads(file.metadata().get("lora_adapter_metadata", "{}"))
            notes = {k: v for k, v in notes.items() if k.startswith("unet.")}
            save_file(
                tensors, f"{folder}/{kind}.safetensors",
                {"format": "pt"} | ({"lora_adapter_metadata": json.dumps(notes)} if notes else {}))
            made.load_lora_weights(
                folder, weight_name=f"{kind}.safetensors", adapter_name=kind)
    made.set_adapters(list(kinds), list(kinds.values()))
    made.fuse_lora(components=["unet"], adapter_names=list(kinds))
    made.unload_lora_weights()
    return made


def added(deltas):
    """A pipeline with those numbers added to its weights."""
    made = pipeline()
    with torch.no_grad():
        for (part, layer), delta in deltas:
            model = made.unet if part == "unet" else made.text_encoder
            weights(model)[f"{layer}.weight"].add_(delta)
    return made


def picture(made):
    with torch.no_grad():
        latents = made(
            "funk bassline with a jazzy saxophone solo", num_inference_steps=4,
            guidance_scale=5.0, height=16, width=24, output_type="latent",
            generator=torch.Generator().manual_seed(77)).images
        return last(made.vae.decode(latents / made.vae.config.scaling_factor).sample)


def main():
    if OUT.exists():
        shutil.rmtree(OUT)
    OUT.mkdir()
    plain = pipeline()
    generator = torch.Generator().manual_seed(31)
    made = {}
    for kind in UNET:
        tensors, made[kind] = make(kind, plain.unet, plain.text_encoder, generator)
        notes = {"format": "pt"} | (METADATA if kind == "notes" else {})
        save_file(tensors, OUT / f"{kind}.safetensors", notes)
    expected = {"none": picture(plain)}
    sets = {kind: {kind: 1.0} for kind in UNET}
    # Two together, each with a weight of its own.
    sets["two"] = {"kohya": 0.5, "peft": -1.25}
    for name, kinds in sets.items():
        deltas = [(k, w * v) for kind, w in kinds.items() for k, v in made[kind].items()]
        expected[name] = picture(fused(kinds, deltas))
        torch.testing.assert_close(picture(added(deltas)), expected[name], atol=1e-4, rtol=1e-4)
    save_file(expected, OUT / "expected.safetensors")


main()
