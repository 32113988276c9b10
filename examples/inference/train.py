"""Makes messages of customers, trains a classifier on some, and saves it and the rest.

python examples/inference/train.py DIRECTORY [--messages 20000]
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

import numpy as np
from tasks import word_numbers

SUBJECTS = {
    "billing": "invoice charge refund payment card price paid twice amount due",
    "delivery": "parcel courier late address shipped lost tracking box arrived door",
    "technical": "login error screen update crash password install slow button page",
}
USUAL = "please the my is was and again since yesterday help with it this not you when"
TABLE_ROWS = 1 << 18
TRAINED_ON = 2000
EPOCHS = 3
RATE = 0.5


def main() -> None:
    """Write `model.npz` and `messages.csv` into the directory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    draw = random.Random(options.seed)
    labels = list(SUBJECTS)
    weights = trained([message(draw, labels) for _ in range(TRAINED_ON)], labels)
    np.savez(options.directory / "model.npz", labels=np.array(labels), weights=weights)
    with (options.directory / "messages.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "subject", "text"])
        for number in range(1, options.messages + 1):
            label, text = message(draw, labels)
            writer.writerow([number, label, "" if number % 1000 == 0 else text])


def message(draw: random.Random, labels: list[str]) -> tuple[str, str]:
    """Return a subject and a message about it."""
    label = draw.choice(labels)
    words = draw.choices(USUAL.split(), k=draw.randint(10, 60)) + draw.choices(
        SUBJECTS[label].split(), k=4
    )
    if draw.random() < 0.1:  # the words of another subject, too
        words += draw.choices(SUBJECTS[draw.choice(labels)].split(), k=3)
    draw.shuffle(words)
    return label, " ".join(words).capitalize() + "."


def trained(messages: list[tuple[str, str]], labels: list[str]) -> np.ndarray:  # type: ignore[type-arg]
    """Return the weights of a softmax regression over bags of words, by gradient descent."""
    weights = np.zeros((TABLE_ROWS, len(labels)), np.float32)
    for _ in range(EPOCHS):
        for label, text in messages:
            numbers = word_numbers(text, TABLE_ROWS)
            scores = weights[numbers].sum(axis=0)
            chances = np.exp(scores - scores.max())
            chances /= chances.sum()
            chances[labels.index(label)] -= 1
            np.subtract.at(weights, numbers, RATE * chances / len(numbers))
    return weights


if __name__ == "__main__":
    main()
