"""Makes the fixture text-time: a U-Net whose `addition_embed_type` is `text_time`, as SDXL's is, beside
the text encoder, tokenizer and autoencoder of sd1; and what diffusers makes of it. Run by hand, after
make_fixtures.py:

    python make_text_time_fixtures.py     (needs torch, diffusers, transformers, safetensors)

`text_embeds` is CLIPTextModel's `pooler_output`: the last layer's normalised output at the first end
token. `time_ids` are numbers, here three a prompt; each becomes `addition_time_embed_dim` sines and
cosines as a timestep does (the U-Net's own `flip_sin_to_cos` and `freq_shift`), and they follow
`text_embeds` in one row of `projection_class_embeddings_input_dim`. Two linear layers with a SiLU
between them, `add_embedding.linear_1` and `.linear_2`, make of the row what is added to the
timestep's embedding.

Maps are stored channels-last. Written with torch 2.13, diffusers 0.42, transformers 5.24.
"""

import json
import shutil

import torch
from diffusers import UNet2DConditionModel
from make_fixtures import HERE, PROMPTS, SMALL, randomize, write_json
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

TIME_IDS = [[0.0, 0.0, 0.0], [127.0, 271.5, 22.0]]  # nothing known; a tempo, a phase, a key
WIDTH = 6  # of a number's embedding


def main():
    folder = HERE / "text-time"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(HERE / "sd1", folder, ignore=shutil.ignore_patterns("expected*", "unet"))
    hidden = SMALL["unet"]["cross_attention_dim"]
    net = randomize(UNet2DConditionModel(
        **SMALL["unet"], addition_embed_type="text_time", addition_time_embed_dim=WIDTH,
        projection_class_embeddings_input_dim=hidden + WIDTH * len(TIME_IDS[0])), 8)
    net.save_pretrained(folder / "unet")
    index = json.loads((folder / "model_index.json").read_text())
    write_json(folder / "model_index.json", index)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    text = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    time_ids = torch.tensor(TIME_IDS)
    with torch.no_grad():
        ids = tokenizer(
            [PROMPTS[0], PROMPTS[1]], padding="max_length", max_length=77, truncation=True,
            return_tensors="pt").input_ids
        out = text(ids)
        first_end = (ids == tokenizer.eos_token_id).int().argmax(1)
        ends = out.last_hidden_state[torch.arange(2), first_end]
        assert torch.equal(ends, out.pooler_output)
        latents = torch.randn((2, 4, 8, 11), generator=torch.Generator().manual_seed(9))
        step = net(
            latents, 601, encoder_hidden_states=out.last_hidden_state,
            added_cond_kwargs={"text_embeds": out.pooler_output, "time_ids": time_ids}).sample
    save_file({
        "embedding": out.last_hidden_state, "text_embeds": out.pooler_output,
        "time_ids": time_ids, "unet_latents": latents.permute(0, 2, 3, 1).contiguous(),
        "unet_output": step.permute(0, 2, 3, 1).contiguous()}, folder / "expected.safetensors")
    for unneeded in folder.rglob("*.md"):
        unneeded.unlink()


main()
