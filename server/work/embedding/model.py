"""A sentence model: what BERT makes of a text, averaged over its words, as one vector of length 1."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer

Floats = NDArray[np.float32]
# Where the folder does not say how many tokens a text may have. No longer one was ever learnt from.
MOST_TOKENS = 256
# A text of which the model knows fewer of the tokens says nothing to it.
LEAST_KNOWN = 0.5
PARTS, PART_BYTES = 64, 16 << 10
# Of the odd polynomial p of degree 9 for which (1 + tanh p(x)) / 2 is next to Φ(x), the last factor first: a fit.
_GELU = (
    1.119082743546322e-06,
    -3.058101555544089e-05,
    -0.00012486159187202907,
    0.03646879089935847,
    0.7978281360079157,
)


class Unusable(Exception):
    """The folder holds no model that could be used; the message says why."""


class SentenceModel:
    """The model in a folder as sentence-transformers has them: BERT in float32, and the mean of its tokens."""

    def __init__(self, folder: Path) -> None:
        try:
            config = json.loads((folder / "config.json").read_text())
            if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
                raise Unusable(f"{folder} holds a model of another kind than BERT")
            if not _said(folder / "1_Pooling" / "config.json").get("pooling_mode_mean_tokens", True):
                raise Unusable(f"{folder} holds a model whose vectors are not the mean of its tokens")
            self._read(folder, config)
        except Unusable:
            raise
        except Exception as error:
            # Whatever its readers make of a folder that holds something else.
            raise Unusable(f"{folder} holds no model: {error!r}") from None

    def _read(self, folder: Path, config: dict[str, Any]) -> None:
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            tensors: dict[str, Floats] = {
                name.removeprefix("bert."): file.get_tensor(name).astype(np.float32, copy=False)
                for name in file.keys()  # noqa: SIM118  it is no dictionary
            }
        self._heads = int(config["num_attention_heads"])
        self._epsilon = np.float32(config["layer_norm_eps"])
        self._words = tensors["embeddings.word_embeddings.weight"]
        # All that is read is of the first kind of two, which differ where a text answers another one.
        kind = tensors["embeddings.token_type_embeddings.weight"][0]
        self._places = tensors["embeddings.position_embeddings.weight"] + kind
        self._norm = _norm(tensors, "embeddings.LayerNorm")
        self._layers = [_Layer(tensors, f"encoder.layer.{n}") for n in range(int(config["num_hidden_layers"]))]
        self.dimensions = self._words.shape[1]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        most = int(_said(folder / "sentence_bert_config.json").get("max_seq_length") or MOST_TOKENS)
        self._tokenizer.enable_truncation(min(most, len(self._places)))
        self._unknown = {self._tokenizer.token_to_id(name) for name in ("[UNK]", "<unk>")}
        self.name = _digest(folder / "model.safetensors")

    def vector(self, text: str) -> Floats:
        """The vector of a text; all zeros where the model knows too little of it."""
        tokens = self._tokenizer.encode(text).ids
        said = len(tokens) - self._tokenizer.num_special_tokens_to_add(is_pair=False)
        known = said - sum(token in self._unknown for token in tokens)
        if not known or known < LEAST_KNOWN * said:
            return np.zeros(self.dimensions, np.float32)
        return self._mean(tokens)

    def _mean(self, tokens: list[int]) -> Floats:
        state = _normalised(self._words[tokens] + self._places[: len(tokens)], self._norm, self._epsilon)
        for layer in self._layers:
            state = layer(state, self._heads, self._epsilon)
        mean: Floats = state.mean(axis=0)
        mean /= np.float32(np.linalg.norm(mean))
        return mean


class _Layer:
    """One layer of the encoder."""

    def __init__(self, tensors: dict[str, Floats], name: str) -> None:
        def linear(*parts: str) -> tuple[Floats, Floats]:
            """Several side by side, because one large product takes less time than three small ones."""
            weights = np.concatenate([tensors[f"{name}.{part}.weight"] for part in parts])
            return weights, np.concatenate([tensors[f"{name}.{part}.bias"] for part in parts])

        self._asked = linear(*(f"attention.self.{part}" for part in ("query", "key", "value")))
        self._told = linear("attention.output.dense")
        self._wide = linear("intermediate.dense")
        self._narrow = linear("output.dense")
        self._norms = _norm(tensors, f"{name}.attention.output.LayerNorm"), _norm(tensors, f"{name}.output.LayerNorm")

    def __call__(self, state: Floats, heads: int, epsilon: np.float32) -> Floats:
        tokens, width = state.shape
        size = width // heads
        asked = _linear(state, self._asked).reshape(tokens, 3, heads, size).transpose(1, 2, 0, 3)
        weights = asked[0] @ asked[1].transpose(0, 2, 1)
        weights *= np.float32(size**-0.5)
        weights -= weights.max(axis=2, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=2, keepdims=True)
        told = (weights @ asked[2]).transpose(1, 0, 2).reshape(tokens, width)
        state = _normalised(state + _linear(told, self._told), self._norms[0], epsilon)
        return _normalised(state + _linear(_gelu(_linear(state, self._wide)), self._narrow), self._norms[1], epsilon)


def _linear(state: Floats, given: tuple[Floats, Floats]) -> Floats:
    made: Floats = state @ given[0].T
    made += given[1]
    return made


def _norm(tensors: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _normalised(state: Floats, norm: tuple[Floats, Floats], epsilon: np.float32) -> Floats:
    state = state - state.mean(axis=1, keepdims=True)
    state /= np.sqrt(np.square(state).mean(axis=1, keepdims=True) + epsilon)
    state *= norm[0]
    state += norm[1]
    return state


def _gelu(state: Floats) -> Floats:
    """Of each x, x Φ(x), right to 4e-6. numpy has no Φ; by its series of exp it would take four times as long."""
    square = state * state
    inner = square * np.float32(_GELU[0])
    for factor in _GELU[1:-1]:
        inner += np.float32(factor)
        inner *= square
    inner += np.float32(_GELU[-1])
    inner *= state
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= state
    inner *= np.float32(0.5)
    return inner


def _said(path: Path) -> dict[str, Any]:
    """What a file says that need not be there."""
    said: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return said


def _digest(path: Path) -> str:
    """By which vectors are known as this model's: those of another one say nothing beside them.

    Parts of the file are enough for that: whoever trains a model further changes all of its numbers.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for part in range(PARTS):
            file.seek(part * size // PARTS)
            digest.update(file.read(PART_BYTES))
    return digest.hexdigest()[:16]
