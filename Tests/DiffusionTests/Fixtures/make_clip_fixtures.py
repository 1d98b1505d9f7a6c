"""Makes clip-tokens.json: what transformers' CLIPTokenizer makes of prompts with CLIP's own vocabulary, as
Stable Diffusion 1 and 2 have it. Run by hand:

    python make_clip_fixtures.py     (needs transformers)

The vocabulary is made of Sources/CCLIPVocabulary/merges.txt as OpenAI's CLIP makes it
(clip/simple_tokenizer.py). Written with transformers 5.24.
"""

import json
import pathlib
import tempfile

from make_fixtures import HERE, PROMPTS, write_json
from transformers import CLIPTokenizer

MERGES = HERE.parents[2] / "Sources" / "CCLIPVocabulary" / "merges.txt"
MORE = ["a photo of a cat", "a photograph of an astronaut riding a horse", "!!! wow!", "EDM drop @ 3am"]


def bytes_to_unicode():
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1),
           *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in own]
    return [chr(code) for code in own + [256 + n for n in range(len(rest))]]


def main():
    merges = [line.split() for line in MERGES.read_text().splitlines()[1:]]
    letters = bytes_to_unicode()
    words = letters + [c + "</w>" for c in letters] + ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    assert len(words) == 49408
    folder = pathlib.Path(tempfile.mkdtemp())
    write_json(folder / "vocab.json", {word: index for index, word in enumerate(words)})
    (folder / "merges.txt").write_text(MERGES.read_text())
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    special = {"content": "", "lstrip": False, "normalized": True, "rstrip": False,
               "single_word": False}
    cases = {}
    for padding in ("<|endoftext|>", "!"):
        write_json(folder / "special_tokens_map.json", {
            "bos_token": special | {"content": "<|startoftext|>"},
            "eos_token": special | {"content": "<|endoftext|>"},
            "unk_token": "<|endoftext|>", "pad_token": padding})
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        cases[padding] = [{"prompt": prompt, "tokens": tokenizer(
            prompt, padding="max_length", max_length=77, truncation=True).input_ids}
            for prompt in PROMPTS + MORE]
    # As published: 49406 320 1125 539 320 2368 49407.
    assert cases["!"][len(PROMPTS)]["tokens"][:7] == [49406, 320, 1125, 539, 320, 2368, 49407]
    write_json(HERE / "clip-tokens.json", cases)


main()
