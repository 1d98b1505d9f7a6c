"""Makes prompts.json and prompts.safetensors: weighted and long prompts, read and embedded. Run by hand
after make_fixtures.py, whose tiny checkpoints it uses:

    python make_prompt_fixtures.py     (needs torch, diffusers, transformers, safetensors)

What stands here is a reference for riffusion's `get_weighted_text_embeddings` (bracketed emphasis, up
to three chunks of tokens), written anew from its behaviour, on transformers' tokenizer and text encoder.
Written with torch 2.11, diffusers 0.38 and transformers 5.
"""

import json
import pathlib
import random
import re
import sys

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
MOST_CHUNKS = 3


def fragments(prompt):
    """[[text, weight], …] with no two neighbours of one weight."""
    found, openings = [], {"(": [], "[": []}

    def scale(start, factor):
        for fragment in found[start:]:
            fragment[1] *= factor

    rest = prompt
    while rest:
        number = re.match(r":([+-]?[.\d]+)\)", rest)
        sign, length = rest[0], 1
        if sign == "\\":
            length = 2 if rest[1:2] and rest[1] in "()[]\\" else 1
            found.append([rest[1:length], 1.0])
        elif sign in openings:
            openings[sign].append(len(found))
        elif number and openings["("] and is_number(number[1]):
            scale(openings["("].pop(), float(number[1]))
            length = number.end()
        elif sign == ")" and openings["("]:
            scale(openings["("].pop(), 1.1)
        elif sign == "]" and openings["["]:
            scale(openings["["].pop(), 1 / 1.1)
        else:
            found.append([sign, 1.0])
        rest = rest[length:]
    for start in openings["("]:
        scale(start, 1.1)
    for start in openings["["]:
        scale(start, 1 / 1.1)
    joined = []
    for text, weight in found:
        if joined and joined[-1][1] == weight:
            joined[-1][0] += text
        else:
            joined.append([text, weight])
    return joined or [["", 1.0]]


def is_number(text):
    """riffusion fails on "1.2.3" and takes four hundred digits for infinity; both are text here."""
    try:
        return float(text) != float("inf") and float(text) != float("-inf")
    except ValueError:
        return False


def plain(tokenizer, encoder, prompts):
    """diffusers' StableDiffusionPipeline.encode_prompt."""
    tokens = tokenizer(
        prompts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
        return_tensors="pt").input_ids
    return encoder(tokens)[0]


def weighted(tokenizer, encoder, prompts):
    """All of one length, as get_weighted_text_embeddings makes a prompt and its negative one."""
    capacity = tokenizer.model_max_length - 2
    texts = []
    for prompt in prompts:
        pairs = [(token, weight) for text, weight in fragments(prompt)
                 for token in tokenizer(text, truncation=False).input_ids[1:-1]]
        texts.append(pairs[:MOST_CHUNKS * capacity])
    chunks = max(1, max(-(-len(pairs) // capacity) for pairs in texts))
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    result = []
    for pairs in texts:
        states, weights = [], []
        for index in range(chunks):
            part = pairs[index * capacity:(index + 1) * capacity]
            filling = capacity - len(part) + 1
            ids = [begin] + [token for token, _ in part] + [end] * filling
            states.append(encoder(torch.tensor([ids]))[0])
            weights += [1.0] + [weight for _, weight in part] + [1.0] * filling
        before = torch.cat(states, dim=1)
        after = before * torch.tensor(weights, dtype=before.dtype)[None, :, None]
        result.append(after * (before.mean() / after.mean()))
    return torch.cat(result)


def embed(tokenizer, encoder, prompts, weighting=True):
    capacity = tokenizer.model_max_length - 2
    special = any(
        set(prompt) & set("()[]\\") or len(tokenizer(prompt).input_ids) - 2 > capacity
        for prompt in prompts)
    with torch.no_grad():
        return (weighted if special and weighting else plain)(tokenizer, encoder, prompts)


# [negative prompt or None, prompt]: by the checkpoint and the length of its tokenizer.
WORDS = "funk bass church bells techno violin saxophone drum ".split()
LONG = " ".join(WORDS[i * i % 8] for i in range(26))
SHORT = [
    [None, ""],
    [None, "funk bass!"],
    ["church bells", "funk bass"],
    ["", "(funk) bass"],
    ["[church] bells", "funk bass!"],
    [None, "((funk:1.3) [bass] (((bells)))"],
    [None, "techno (drum beat:0.5"],
    ["violin)", r"sax\(ophone\) \[solo\] \\ (a\b:1.4)"],
    [None, "(funk:-0.5) bass (drum:0) [bells:2]"],
    ["()", "[]"],
    [None, "(funk:1e3) (bass:abc) (bells:1.2.3) (drum:+.5) (beat:1.)"],
    ["(church bells:1.5)", LONG],
    [LONG[:60], "funk <|endoftext|> (bass:1.2)"],
    [LONG + " (violin:2)", "funk"],
    [None, LONG[:100] + " (violin:1.3) " + LONG],
    [None, "(don't caf\u00e9:1.2) \U0001f3b7 (\u65e5\u672c:\u0661.\u0662)"],
]
FULL = [
    ["violin solo", "funk (bass:1.3) with [church] bells"],
    ["[violin]", " ".join([LONG] * 5)],
    [None, "(" + " ".join([LONG] * 20) + ":1.2)"],
]
SETS = [("sd1", 12, SHORT), ("sd1", 77, FULL), ("sd2", 12, SHORT[:9]), ("sd2", 77, FULL[:1])]


def embeddings():
    tensors, cases = {}, []
    for model, length, prompts in SETS:
        tokenizer = CLIPTokenizer.from_pretrained(HERE / model / "tokenizer")
        tokenizer.model_max_length = length
        encoder = CLIPTextModel.from_pretrained(HERE / model / "text_encoder").float().eval()
        for index, (negative, prompt) in enumerate(prompts):
            pair = [text for text in (negative, prompt) if text is not None]
            for weighting in (True, False):
                key = f"{model}/{length}/{index}/{'weighted' if weighting else 'plain'}"
                tensors[key] = embed(tokenizer, encoder, pair, weighting).contiguous()
                cases.append({"key": key, "model": model, "length": length, "weighting": weighting,
                              "negative": negative, "prompt": prompt})
            if length == 77:  # large; one of them as plain text is enough elsewhere
                del tensors[key], cases[-1]
    for model in ("sd1", "sd2"):
        tensors[f"picture/{model}"] = picture(model, FULL[1])
    save_file(tensors, HERE / "prompts.safetensors")
    return cases


@torch.no_grad()
def picture(model, pair):
    """Five steps with embeddings of two or more chunks."""
    pipeline = StableDiffusionPipeline.from_pretrained(HERE / model, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    negative, prompt = embed(pipeline.tokenizer, pipeline.text_encoder, pair).split(1)
    latents = pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, num_inference_steps=5, width=32,
        height=24, output_type="latent", generator=torch.Generator().manual_seed(5)).images
    image = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return image[0].permute(1, 2, 0).contiguous()


def odd_prompts(count):
    generator = random.Random(1)
    pieces = ["(", ")", "[", "]", "\\", ":", ":1.3)", ":.5)", ":-2)", ":+1.)", ":.)", ":1.2.3)",
              ":1e3)", ":nan)", ":\u0663)", "a", " ", "bass", "\u00e9", "e\u0301", "(\u0301", "\U0001f3b7",
              ":" + "9" * 400 + ")", ": 1)", ":1 )", "<|endoftext|>", "\n", "\0"]
    weights = [6, 6, 4, 4, 3, 3] + [2] + [1] * (len(pieces) - 7)
    return ["".join(generator.choices(pieces, weights, k=generator.randrange(1, 20)))
            for _ in range(count)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    texts = [prompt for pair in SHORT for prompt in pair if prompt is not None] + odd_prompts(200)
    texts += ["an (important) word", "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
              "(unnecessary)(parens)", "(" * 50 + "x", "[" * 50 + "x" + ")" * 3, "\\"]
    parsed = [{"prompt": text, "fragments": fragments(text)} for text in texts]
    value = {"fragments": parsed, "embeddings": embeddings()}
    (HERE / "prompts.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")
    for name in ("prompts.json", "prompts.safetensors"):
        print(name, (HERE / name).stat().st_size, file=sys.stderr)
