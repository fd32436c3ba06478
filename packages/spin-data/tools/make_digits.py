"""Writes src/spin_data/data/digits.npz from scikit-learn: `python tools/make_digits.py`.

images: uint8 (1797, 8, 8) in [0, 16]; labels: uint8 (1797,); split: uint8 (1797,), 0 for train, 1
for validation, 2 for test, every class in proportion. The split is stored and not drawn anew, for
another version of a library might draw another one.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

if __name__ == "__main__":
    digits = load_digits()
    labels = digits.target.astype(np.uint8)
    rest, test = train_test_split(
        np.arange(len(labels)), test_size=300, stratify=labels, random_state=0
    )
    _, validation = train_test_split(rest, test_size=200, stratify=labels[rest], random_state=0)
    split = np.zeros(len(labels), np.uint8)
    split[validation], split[test] = 1, 2
    path = Path(__file__).parents[1] / "src" / "spin_data" / "data" / "digits.npz"
    np.savez_compressed(path, images=digits.images.astype(np.uint8), labels=labels, split=split)
