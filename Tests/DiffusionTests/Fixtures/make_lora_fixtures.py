"""Makes lora: adapters for the checkpoint sd1 beside it in each naming, and what diffusers' pipeline makes with
the weights fused. Run by hand, after make_fixtures.py:

    python make_lora_fixtures.py     (needs torch, diffusers, transformers, safetensors)

kohya.safetensors has an alpha each layer, linear, 1×1 and 3×3 targets, and the layers that LCM-LoRA has
(time_emb_proj, conv_shortcut, samplers); peft.safetensors has none, so it is the rank; the others are
diffusers' older names. Weights are fused here by hand: W + weight · alpha / rank · up · down.
Maps are stored channels-last. Written with torch 2.13, diffusers 0.42, transformers 5.24.
"""

import shutil

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from make_fixtures import HERE, last
from safetensors.torch import save_file
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
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"]}
TEXT = {
    "kohya": ["encoder.layers.0.self_attn.q_proj", "encoder.layers.1.mlp.fc1"],
    "peft": ["encoder.layers.1.self_attn.out_proj"],
    "processor": ["encoder.layers.0.self_attn.v_proj"]}


def names(kind, part, layer):
    """up, down and alpha."""
    if kind == "kohya":
        stem = "lora_unet_" if part == "unet" else "lora_te_text_model_"
        stem += layer.replace(".", "_")
        return f"{stem}.lora_up.weight", f"{stem}.lora_down.weight", f"{stem}.alpha"
    stem = f"unet.{layer}" if part == "unet" else f"text_encoder.text_model.{layer}"
    if kind == "peft":
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
            delta = up.half().float().flatten(1) @ down.half().float().flatten(1)
            deltas[part, layer] = (delta * alpha / rank).reshape(weight.shape)
    return tensors, deltas


def picture(deltas):
    folder = HERE / "sd1"
    parts = {"unet": UNet2DConditionModel.from_pretrained(folder / "unet"),
             "text": CLIPTextModel.from_pretrained(folder / "text_encoder")}
    with torch.no_grad():
        for (part, layer), delta in deltas:
            state = dict(parts[part].named_parameters())
            name = f"{layer}.weight"
            (state[name] if name in state else state[f"text_model.{name}"]).add_(delta)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    pipeline = StableDiffusionPipeline(
        vae=vae, text_encoder=parts["text"],
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"), unet=parts["unet"],
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    with torch.no_grad():
        latents = pipeline(
            "funk bassline with a jazzy saxophone solo", num_inference_steps=4,
            guidance_scale=5.0, height=16, width=24, output_type="latent",
            generator=torch.Generator().manual_seed(77)).images
        return last(vae.decode(latents / vae.config.scaling_factor).sample)


def main():
    if OUT.exists():
        shutil.rmtree(OUT)
    OUT.mkdir()
    unet = UNet2DConditionModel.from_pretrained(HERE / "sd1" / "unet")
    text = CLIPTextModel.from_pretrained(HERE / "sd1" / "text_encoder")
    generator = torch.Generator().manual_seed(31)
    made = {}
    for kind in UNET:
        tensors, made[kind] = make(kind, unet, text, generator)
        metadata = {"format": "pt"}
        save_file(tensors, OUT / f"{kind}.safetensors", metadata)
    expected = {"none": picture([])}
    for kind in UNET:
        expected[kind] = picture(made[kind].items())
    # Two together, each with a weight of its own.
    expected["two"] = picture(
        [(k, 0.5 * v) for k, v in made["kohya"].items()]
        + [(k, -1.25 * v) for k, v in made["peft"].items()])
    save_file(expected, OUT / "expected.safetensors")


main()
