"""CLIP's byte-pair tokenizer, with a vocabulary learnt from the captions and plain English."""

import json
import re
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
_WORD = re.compile(r"[A-Za-z]+")


def _byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes, in the order of CLIP's vocabulary."""
    plain = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + n) for n in range(len(rest))]


def english() -> list[str]:
    """English prose that is on every machine: Python's own documentation topics."""
    from pydoc_data.topics import topics

    return [" ".join(_WORD.findall(text)) for text in topics.values()]


def train_tokenizer(folder: Path, captions: list[str], vocabulary: int, tokens: int):
    """Writes `vocab.json`, `merges.txt` and the two configurations that transformers reads."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    # The words as CLIPTokenizer splits them, which joins the bytes of each word without its space.
    tokenizer.pre_tokenizer = CLIPTokenizer().backend_tokenizer.pre_tokenizer
    alphabet = _byte_alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 2,
        end_of_word_suffix="</w>",
        initial_alphabet=alphabet,
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator([*captions, *english()], trainer)
    learnt = json.loads(tokenizer.to_str())["model"]["merges"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learnt]
    names = alphabet + [letter + "</w>" for letter in alphabet]
    known = set(names)
    kept = []
    for pair in merges:
        joined = "".join(pair)
        if joined in known or pair[0] not in known or pair[1] not in known:
            continue
        if len(names) == vocabulary - 2:
            break
        names.append(joined)
        known.add(joined)
        kept.append(pair)
    names += [START, END]
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {name: n for n, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False, separators=(",", ":")))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in kept)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    configuration = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": tokens,
        "do_lower_case": True,
        "add_prefix_space": False,
        "errors": "replace",
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(str(folder))


def tokenize(tokenizer: CLIPTokenizer, texts: list[str]):
    """Token numbers padded to the model's length, (len(texts), tokens)."""
    return tokenizer(
        texts,
        padding="max_length",
        truncation=True,
        max_length=tokenizer.model_max_length,
        return_tensors="pt",
    ).input_ids
