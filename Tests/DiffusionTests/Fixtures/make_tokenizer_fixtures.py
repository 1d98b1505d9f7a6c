"""Makes tokenizers.json: what transformers' CLIPTokenizer makes of odd prompts and odd folders, on the
vocabulary of sd1 beside this file. Run by hand after make_fixtures.py:

    python make_tokenizer_fixtures.py     (needs transformers, tokenizers)

Written with transformers 5.23, tokenizers 0.23 (Unicode 16; composition by the tables of Unicode 9).
"""

import itertools
import json
import pathlib
import random
import shutil
import sys
import tempfile
import unicodedata

from tokenizers import Regex, pre_tokenizers
from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
SETTINGS = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}


def token(content, normalized=True, **more):
    return dict(content=content, lstrip=False, normalized=normalized, rstrip=False,
                single_word=False, **more)


def typed(tokens):
    """As tokenizer_config.json writes them."""
    return {role: dict(value, __type="AddedToken") if isinstance(value, dict) else value
            for role, value in tokens.items()}


def folder(files):
    path = pathlib.Path(tempfile.mkdtemp())
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(HERE / "sd1" / "tokenizer" / name, path)
    for name, value in files.items():
        (path / name).write_text(json.dumps(value))
    return path


def folders():
    """Special and added tokens, by the files that can name them."""
    plain = {"bos_token": token(BEGIN), "eos_token": token(END), "unk_token": END, "pad_token": END}
    size = len(json.loads((HERE / "sd1/tokenizer/vocab.json").read_text()))
    listed = {str(size): token("<cat-toy>", special=False),
              str(size + 1): token("<Dog>", special=False)}
    maps = [None, plain, dict(plain, pad_token="!"), dict(plain, pad_token=token("!")),
            dict(plain, pad_token="<pad>"), dict(plain, pad_token=token("<PAD>")),
            dict(plain, additional_special_tokens=["<s1>", "!!"])]
    forms = [END, token(END), token(END, False)]
    maps += [dict(plain, eos_token=end, unk_token=unknown, pad_token=padding)
             for end, unknown, padding in itertools.product(forms, forms, forms)]
    cases = [{"tokenizer_config.json": SETTINGS, "special_tokens_map.json": value} for value in maps]
    for value in (plain, dict(plain, additional_special_tokens=["<cat-toy>", "<s1>"])):
        cases.append({
            "special_tokens_map.json": value,
            "added_tokens.json": {"<Dog>": size + 1, "<cat-toy>": size}})
    cases.append({
        "tokenizer_config.json": dict(SETTINGS, **typed(plain), added_tokens_decoder=listed),
        "special_tokens_map.json": dict(plain, pad_token="!")})
    cases.append({
        "tokenizer_config.json": dict(
            SETTINGS, pad_token="!", added_tokens_decoder=dict(
                {"0": token("!", False, special=True)}, **listed))})
    cases = [{name: value for name, value in files.items() if value} for files in cases]
    prompts = [
        "a <cat-toy> b<cat-toy>c <CAT-TOY> <Dog>x <dog> <s1>! <S1> wow!! <pad><PAD>",
        f"{BEGIN.upper()} a {END.upper()}b {END}!<|EndOfText|>"]
    result = []
    for files in cases:
        path = folder(files)
        result.append(case(files, path, prompts))
    # The same as one file, read in place of the two beside it.
    for files in cases[1], cases[2], cases[-1]:
        one = pathlib.Path(tempfile.mkdtemp())
        CLIPTokenizer.from_pretrained(folder(files)).save_pretrained(one)
        files = {name: json.loads((one / name).read_text()) for name in
                 ("tokenizer.json", "tokenizer_config.json")}
        files["tokenizer_config.json"].pop("name_or_path", None)
        for left in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
            files["tokenizer.json"][left] = None
        result.append(case(files, folder(files), prompts))
    return result


def case(files, path, prompts):
    tokenizer = CLIPTokenizer.from_pretrained(path)
    tokens = [tokenizer(prompt).input_ids[1:-1] for prompt in prompts]
    return {"files": files, "padding": tokenizer.pad_token_id,
            "prompts": [{"prompt": p, "tokens": t} for p, t in zip(prompts, tokens)]}


def scalars(tokenizer):
    """For every 4,096 code points a hash (FNV-1a, 64 bits) of the tokens of each between two letters."""
    unassigned = pre_tokenizers.Split(Regex(r"[\p{Cn}\p{Co}]"), "removed")
    hashes = []
    for first in range(0, 0x110000, 0x1000):
        codes = [code for code in range(first, first + 0x1000)
                 if not 0xD800 <= code < 0xE000 and unassigned.pre_tokenize_str(chr(code))]
        value = 0xCBF29CE484222325
        texts = [f"b{chr(code)}c" for code in codes]
        for code, ids in zip(codes, tokenizer(texts).input_ids if texts else []):
            for number in [code] + ids[1:-1]:
                value = (value ^ number) * 0x100000001B3 % 2**64
        hashes.append([len(codes), f"{value:016x}"])
    return hashes


def odd_prompts(count):
    random.seed(5)
    every = [chr(code) for code in range(0x110000)
             if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")]
    marks = [c for c in every if unicodedata.combining(c)]
    pools = [
        every, marks, marks, marks, [c for c in every if unicodedata.decomposition(c)],
        [c for c in every if c.lower() != c], [chr(code) for code in range(0x1100, 0x1200)],
        [c for c in every if c.isspace()] + list("\u200b\u200d\ufeff\u180e\u2060"),
        ["\u0344", "\u0f73", "\u0f75", "\u0f81", "\U000111ca", "\u1df6", "'S", "\u2019s", "'ve", "</w>",
         "<|", "|>", BEGIN, END, "\U0001f468\u200d\U0001f469", "\u2764\ufe0f", "1234", "\x00"],
        list("abcxyz ABC019'!?.,-_")]
    return ["".join(random.choice(random.choice(pools)) for _ in range(random.randrange(1, 25)))
            for _ in range(count)]


if __name__ == "__main__":
    tokenizer = CLIPTokenizer.from_pretrained(HERE / "sd1" / "tokenizer")
    value = {
        "folders": folders(), "scalars": scalars(tokenizer),
        "prompts": [{"prompt": p, "tokens": tokenizer(p).input_ids[1:-1]} for p in odd_prompts(300)]}
    (HERE / "tokenizers.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")
    print((HERE / "tokenizers.json").stat().st_size, file=sys.stderr)
