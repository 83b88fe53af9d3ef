"""Draws how well topics are understood: ``python -m bench.curves`` writes two pictures into docs/pictures.

``learning-curve.svg``  accuracy on the dev set against the number of training examples a topic
``out-of-scope.svg``    recognised out-of-scope against answered in-scope, over the confidence threshold

and prints the tables of docs/model-card.md. The dev set is never trained on.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from actions.knowledge import PROJECT
from bot.nlu.encoder import EncodingCache, shared_encoder
from bot.nlu.linear import LinearTopicModel
from bot.review.material import Example, Material

PICTURES = PROJECT / "docs" / "pictures"
STEPS = (10, 40, 160)
_SEED = 7


@dataclass(frozen=True)
class Judged:
    """A dev utterance: the topics that count as right, its ranking, and the confidence of the first."""

    accepted: tuple[str, ...]
    ranking: list[str]
    confidence: float

    @property
    def right(self) -> bool:
        """Whether the first topic is accepted."""
        return self.ranking[0] in self.accepted

    @property
    def outside(self) -> bool:
        """Whether it is out of scope."""
        return self.accepted[0].startswith("oos_")


def topic_of(label: str) -> str:
    """The topic of a label, as the dev set names it."""
    return Example("", label, "").topic


def judge(model: LinearTopicModel, material: Material, vectors: npt.NDArray[np.float32]) -> list[Judged]:
    """The model's word on every dev utterance."""
    judged = []
    for (accepted, utterance), vector in zip(material.dev, vectors, strict=True):
        if accepted[0].startswith("safety_"):
            continue  # safety has a measure of its own
        likely = model.probabilities(utterance, vector)
        order = likely.argsort()[::-1][:3]
        judged.append(Judged(accepted, [topic_of(model.labels[i]) for i in order], float(likely[order[0]])))
    return judged


def accuracy(judged: list[Judged]) -> float:
    """Share of utterances whose first topic is accepted."""
    return sum(row.right for row in judged) / len(judged)


def subset(examples: list[Example], per_label: int) -> list[Example]:
    """At most so many examples of each label, chosen by a fixed seed."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_label[example.label].append(example)
    random = np.random.default_rng(_SEED)
    chosen = []
    for label in sorted(by_label):
        rows = sorted(by_label[label], key=lambda example: example.text)
        chosen += [rows[i] for i in random.permutation(len(rows))[:per_label]]
    return chosen


def train(examples: list[Example], cache: EncodingCache) -> LinearTopicModel:
    """The model of these examples."""
    texts = [example.text for example in examples]
    return LinearTopicModel.train(texts, [example.label for example in examples], cache.encode(texts))


def draw_learning_curve(points: list[tuple[float, float, float]]) -> None:
    """Write the picture: (examples a topic, in-scope accuracy, out-of-scope recall)."""
    figure, axes = plt.subplots(figsize=(6, 4))
    sizes = [point[0] for point in points]
    axes.plot(sizes, [point[1] for point in points], marker="o", label="in scope: right topic")
    axes.plot(sizes, [point[2] for point in points], marker="s", label="out of scope: right topic")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
    axes.set(xlabel="training examples a label", ylabel="dev accuracy", ylim=(0, 1), title="Learning curve")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, "learning-curve.svg")


def draw_operating_points(judged: list[Judged], chosen: float) -> list[tuple[float, float, float]]:
    """Write the picture of the threshold and return its points: (threshold, in-scope right, out-of-scope caught)."""
    inside = [row for row in judged if not row.outside]
    outside = [row for row in judged if row.outside]
    points = []
    for threshold in np.linspace(0, 0.95, 20):
        answered = sum(row.right and row.confidence >= threshold for row in inside) / len(inside)
        # Caught: recognised as out of scope, or too unsure to be answered as anything.
        caught = sum(row.ranking[0].startswith("oos_") or row.confidence < threshold for row in outside) / len(outside)
        points.append((float(threshold), answered, caught))
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot([point[1] for point in points], [point[2] for point in points], marker="o")
    nearest = min(points, key=lambda point: abs(point[0] - chosen))
    axes.annotate(f"fallback below {chosen:g}", (nearest[1], nearest[2]), xytext=(12, -18), textcoords="offset points")
    axes.set(xlabel="in scope: right answer given", ylabel="out of scope: not answered", title="Operating point")
    axes.grid(alpha=0.3)
    _save(figure, "out-of-scope.svg")
    return points


def _save(figure: Figure, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(PICTURES / name, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Train the steps, print the tables, draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fallback", type=float, default=0.15, help="the threshold of config.yml, marked in the picture"
    )
    options = parser.parse_args()
    mpl.rcParams["svg.hashsalt"] = "curves"  # the same picture from the same figures
    material = Material.load()
    vectors = shared_encoder().encode([utterance for _, utterance in material.dev])
    cache = EncodingCache(Path(PROJECT / ".cache" / "curves.npz"))
    labels = len({example.label for example in material.examples})
    cache.encode([example.text for example in material.examples])
    points = []
    print("| examples a label | in scope | out of scope | in the first three |\n|---:|---:|---:|---:|")
    for size in (*STEPS, 10**6):
        examples = subset(material.examples, size)
        judged = judge(train(examples, cache), material, vectors)
        inside = [row for row in judged if not row.outside]
        outside = [row for row in judged if row.outside]
        top3 = sum(any(topic in row.accepted for topic in row.ranking) for row in judged) / len(judged)
        mean = min(size, len(examples) / labels)
        points.append((mean, accuracy(inside), accuracy(outside)))
        print(f"| {mean:.0f} | {accuracy(inside):.1%} | {accuracy(outside):.1%} | {top3:.1%} |", flush=True)
    draw_learning_curve(points)
    print("\n| fallback below | in scope answered rightly | out of scope not answered |\n|---:|---:|---:|")
    for threshold, answered, caught in draw_operating_points(judged, options.fallback)[::2]:
        print(f"| {threshold:.2f} | {answered:.1%} | {caught:.1%} |")


if __name__ == "__main__":
    main()
