"""Makes single-file: the checkpoints beside it as one file each, in Stable Diffusion's own names, whose pictures
must be the folders' own. Run by hand, after make_fixtures.py and make_mask_fixtures.py:

    python make_single_file_fixtures.py     (needs torch, diffusers, transformers, safetensors)

- sd1.ckpt: sd1 as Lightning saves a training: averaged weights, optimiser, callbacks kept by their class, a
  numpy number, a set, an object of a class that nobody has; `text_model.` in the text encoder's names.
- sd1-f16.safetensors: f16, names without `text_model.`, and diffusers' PNDM with nothing said of it.
- sd2.safetensors: OpenCLIP's names with fused `in_proj`, a last layer that is not run and a projection.
- inpaint.safetensors: the U-Net of 9 channels with sd1's other parts.

That the names are Stable Diffusion's is checked by diffusers' own conversion, which must give the folder's
tensors back. What these tiny models have otherwise than Stable Diffusion (heads, groups, tokenizer) is in
NAME.riff.json. Written with torch 2.13, diffusers 0.42, transformers 5.24.
"""

import collections
import json
import shutil
import sys
import types

import numpy as np
import torch
from diffusers.loaders import single_file_utils as converter
from make_fixtures import HERE, write_json
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

OUT = HERE / "single-file"
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def part(name, folder):
    return load_file(next((HERE / name / folder).glob("*.safetensors")))


def config(name, folder):
    return json.loads((HERE / name / folder / "config.json").read_text())


def unet(tensors, layers):
    """`layers`: resnets of each level."""
    first = [1 + sum(n + 1 for n in layers[:level]) for level in range(len(layers))]
    up = [sum(n + 1 for n in layers[::-1][:level]) for level in range(len(layers))]
    out = {}
    for name, tensor in tensors.items():
        p = name.split(".")
        if p[0] == "down_blocks":
            level, kind, layer = int(p[1]), p[2], int(p[3])
            if kind == "downsamplers":
                stem = [f"input_blocks.{first[level] + layers[level]}.0.op"] + p[5:]
            elif kind == "resnets":
                stem = [f"input_blocks.{first[level] + layer}.0", RESNET[p[4]]] + p[5:]
            else:
                stem = [f"input_blocks.{first[level] + layer}.1"] + p[4:]
        elif p[0] == "up_blocks":
            level, kind, layer = int(p[1]), p[2], int(p[3])
            block = f"output_blocks.{up[level] + layer}"
            if kind == "upsamplers":
                last = up[level] + layers[::-1][level]
                attends = any(n.startswith(f"up_blocks.{level}.attentions") for n in tensors)
                stem = [f"output_blocks.{last}.{2 if attends else 1}.conv"] + p[5:]
            elif kind == "resnets":
                stem = [f"{block}.0", RESNET[p[4]]] + p[5:]
            else:
                stem = [f"{block}.1"] + p[4:]
        elif p[0] == "mid_block":
            if p[1] == "resnets":
                stem = [f"middle_block.{2 * int(p[2])}", RESNET[p[3]]] + p[4:]
            else:
                stem = ["middle_block.1"] + p[3:]
        else:
            stem = [{"conv_in": "input_blocks.0.0", "time_embedding": "time_embed",
                     "conv_norm_out": "out.0", "conv_out": "out.2"}[p[0]]]
            stem += [{"linear_1": "0", "linear_2": "2"}.get(q, q) for q in p[1:]]
        out["model.diffusion_model." + ".".join(stem)] = tensor
    return out


def vae(tensors, levels):
    out = {}
    for name, tensor in tensors.items():
        for new, old in (
                ("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")):
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        p = name.split(".")
        if len(p) > 2 and p[1] in ("down_blocks", "up_blocks"):
            level = int(p[2]) if p[1] == "down_blocks" else levels - 1 - int(p[2])
            kind = {"resnets": f"block.{p[4]}", "downsamplers": "downsample",
                    "upsamplers": "upsample"}[p[3]]
            p = [p[0], p[1][:-7], str(level), kind] + p[5:]
        elif len(p) > 2 and p[1] == "mid_block":
            if p[2] == "resnets":
                p = [p[0], "mid", f"block_{int(p[3]) + 1}"] + p[4:]
            else:
                p = ".".join(p[4:]).replace("to_out.0", "proj_out").replace("to_", "").replace(
                    "group_norm", "norm").split(".")
                p = [name.split(".")[0], "mid", "attn_1"] + p
                if p[3] != "norm" and p[4] == "weight":
                    tensor = tensor.reshape(*tensor.shape[:2], 1, 1)
        elif len(p) > 1 and p[1] == "conv_norm_out":
            p[1] = "norm_out"
        name = ".".join(p).replace("conv_shortcut", "nin_shortcut")
        out["first_stage_model." + name] = tensor
    return out


def clip(tensors, prefixed):
    bare = {k.removeprefix("text_model."): v for k, v in tensors.items()}
    bare = {k: v for k, v in bare.items() if not k.endswith("position_ids")}
    prefix = "cond_stage_model.transformer." + ("text_model." if prefixed else "")
    return {prefix + k: v for k, v in bare.items()} | {
        prefix + "embeddings.position_ids": torch.arange(77)[None]}


def open_clip(tensors):
    bare = {k.removeprefix("text_model."): v for k, v in tensors.items()}
    hidden = bare["final_layer_norm.weight"].shape[0]
    out = {
        "token_embedding.weight": bare["embeddings.token_embedding.weight"],
        "positional_embedding": bare["embeddings.position_embedding.weight"],
        "ln_final.weight": bare["final_layer_norm.weight"],
        "ln_final.bias": bare["final_layer_norm.bias"],
        "text_projection": torch.eye(hidden), "logit_scale": torch.tensor(4.6),
        "attn_mask": torch.zeros(77, 77)}
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}
    layers = 1 + max(int(k.split(".")[2]) for k in bare if k.startswith("encoder.layers."))
    for layer in range(layers + 1):
        old = f"encoder.layers.{min(layer, layers - 1)}."
        new = f"transformer.resblocks.{layer}."
        for a, b in names.items():
            for kind in ("weight", "bias"):
                out[f"{new}{b}.{kind}"] = bare[f"{old}{a}.{kind}"].clone()
        for kind in ("weight", "bias"):
            out[f"{new}attn.in_proj_{kind}"] = torch.cat(
                [bare[f"{old}self_attn.{x}_proj.{kind}"] for x in "qkv"])
        if layer == layers:  # not run, so it must not be the same
            for key in [k for k in out if k.startswith(new)]:
                out[key] = out[key] * 3
    return {"cond_stage_model.model." + k: v for k, v in out.items()}


def check(state, name, parts):
    """diffusers' conversion of `state` gives the folder's tensors."""
    settings = config(parts["unet"], "unet")
    converted = converter.convert_ldm_unet_checkpoint(dict(state), settings)
    own = part(parts["unet"], "unet")
    assert set(converted) == set(own), set(converted) ^ set(own)
    assert all(torch.equal(converted[k], own[k]) for k in own)
    converted = converter.convert_ldm_vae_checkpoint(dict(state), config(name, "vae"))
    own = vae(part(name, "vae"), len(config(name, "vae")["block_out_channels"]))
    assert len(converted) == len(own)
    if any(k.startswith("cond_stage_model.model.") for k in state):
        model = CLIPTextModel(CLIPTextConfig(**{
            k: v for k, v in config(name, "text_encoder").items()
            if k in ("hidden_size", "vocab_size", "intermediate_size", "num_hidden_layers",
                     "num_attention_heads", "hidden_act")}))
        converted = converter.convert_open_clip_checkpoint(model, dict(state))
        own = {k.removeprefix("text_model."): v for k, v in part(name, "text_encoder").items()}
        converted = {k.removeprefix("text_model."): v for k, v in converted.items()}
        for k in own:
            assert torch.equal(converted[k], own[k]), k


def card(name, source, second=False, scheduler=True, unet_source=None):
    """What tiny models have otherwise than Stable Diffusion."""
    net, auto = config(unet_source or source, "unet"), config(source, "vae")
    value = {
        "tokenizer": f"../{source}/tokenizer",
        "unet": {k: net[k] for k in ("attention_head_dim", "norm_num_groups", "sample_size")},
        "vae": {"norm_num_groups": auto["norm_num_groups"]},
        "text_encoder": {"num_attention_heads": 2}}
    if scheduler:
        value["scheduler"] = json.loads(
            (HERE / source / "scheduler" / "scheduler_config.json").read_text())
    write_json(OUT / f"{name}.riff.json", {"checkpoint": value})


class Opaque:
    pass


def lightning(state):
    """What Lightning 1.4 saves beside the weights, and what users' callbacks add."""
    modules = {}
    for path in ("pytorch_lightning", "pytorch_lightning.callbacks",
                 "pytorch_lightning.callbacks.model_checkpoint"):
        modules[path] = sys.modules[path] = types.ModuleType(path)
    for cls, home in (("ModelCheckpoint", "pytorch_lightning.callbacks.model_checkpoint"),):
        made = type(cls, (), {"__module__": home})
        setattr(modules[home], cls, made)
    checkpoint = modules["pytorch_lightning.callbacks.model_checkpoint"].ModelCheckpoint
    ema = {f"model_ema.{k.removeprefix('model.').replace('.', '')}": v * 2
           for k, v in list(state.items())[:3]}
    ema |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}
    thing = Opaque()
    thing.big = 1 << 80
    thing.score = np.float64(0.25)
    return {
        "epoch": 3, "global_step": 1234, "pytorch-lightning_version": "1.4.2",
        "state_dict": collections.OrderedDict(
            list(state.items()) + list(ema.items())
            + [("betas", torch.linspace(0, 1, 10, dtype=torch.float64))]),
        "callbacks": {checkpoint: {
            "monitor": "val/loss", "best_model_score": torch.tensor(0.25), "seen": {1, 2},
            "best": np.float32(0.5), "paths": ["a", "b"], "nothing": None, "on": True}},
        "optimizer_states": [{
            "state": {0: {"step": 5, "exp_avg": torch.ones(3, 4).T, "exp_avg_sq": torch.ones(2)}},
            "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0, 1, 2]}]}],
        "lr_schedulers": [{"last_epoch": 3, "thing": thing}],
        "hyper_parameters": thing}


def main():
    if OUT.exists():
        shutil.rmtree(OUT)
    OUT.mkdir()
    state = unet(part("sd1", "unet"), [1, 1, 1]) | vae(part("sd1", "vae"), 2) | clip(
        part("sd1", "text_encoder"), True)
    check(state, "sd1", {"unet": "sd1"})
    torch.save(lightning(state), OUT / "sd1.ckpt")
    card("sd1", "sd1")

    state = unet(part("sd1-f16", "unet"), [2, 2, 2, 2]) | vae(part("sd1-f16", "vae"), 4) | clip(
        part("sd1-f16", "text_encoder"), False)
    check(state, "sd1-f16", {"unet": "sd1-f16"})
    save_file({k: v.contiguous() for k, v in state.items()}, OUT / "sd1-f16.safetensors")
    card("sd1-f16", "sd1-f16", scheduler=False)

    state = unet(part("sd2", "unet"), [1, 2]) | vae(part("sd2", "vae"), 2) | open_clip(
        part("sd2", "text_encoder"))
    settings = config("sd2", "vae")
    converted = converter.convert_ldm_vae_checkpoint(dict(state), settings)
    assert len(converted) == len(part("sd2", "vae"))
    save_file({k: v.contiguous() for k, v in state.items()}, OUT / "sd2.safetensors")
    card("sd2", "sd2")

    state = unet(part("inpaint", "unet"), [1, 1, 1]) | vae(part("sd1", "vae"), 2) | clip(
        part("sd1", "text_encoder"), True)
    save_file({k: v.contiguous() for k, v in state.items()}, OUT / "inpaint.safetensors")
    card("inpaint", "sd1", unet_source="inpaint")
    for path in sorted(OUT.iterdir()):
        print(path.name, path.stat().st_size)


main()
