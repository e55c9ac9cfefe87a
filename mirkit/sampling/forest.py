"""A random forest kept as arrays: trained with scikit-learn, predicted with NumPy, no pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirkit.errors import CheckpointError
from mirkit.sampling.config import ForestConfig

__all__ = ["Forest", "fit"]

LEAF = -1


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees, one behind the other.

    Parameters
    ----------
    roots : ndarray of shape (n_trees,)
        Index of each tree's first node.
    left, right : ndarray of shape (n_nodes,)
        Index of the children; -1 in leaves.
    column : ndarray of shape (n_nodes,)
        Descriptor that decides.
    threshold : ndarray of shape (n_nodes,)
        To the left up to it.
    share : ndarray of shape (n_nodes,)
        Share of positives in the node.
    n_columns : int
        Descriptors in a row.

    Raises
    ------
    CheckpointError
        If the arrays are no trees.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    share: np.ndarray
    n_columns: int

    FIELDS = ("roots", "left", "right", "column", "threshold", "share")

    def __post_init__(self) -> None:
        n = len(self.left)
        same = all(getattr(self, name).shape == (n,) for name in self.FIELDS[1:])
        inner = self.left != LEAF
        if not (
            same
            and len(self.roots)
            and ((self.roots >= 0) & (self.roots < n)).all()
            # Children come after their parents, so that no path goes round in circles.
            and (self.left[inner] > np.flatnonzero(inner)).all()
            and (self.right[inner] > np.flatnonzero(inner)).all()
            and (np.maximum(self.left, self.right) < n).all()
            and ((self.column[inner] >= 0) & (self.column[inner] < self.n_columns)).all()
        ):
            raise CheckpointError("the forest's arrays are no trees; the model is damaged")

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of a positive for each row.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
            Taken as float32, as scikit-learn does.

        Returns
        -------
        ndarray of shape (n,)
        """
        X = np.asarray(X, dtype=np.float32).reshape(-1, self.n_columns)
        node = np.repeat(self.roots[np.newaxis], len(X), axis=0)  # (n, n_trees)
        rows = np.arange(len(X))[:, np.newaxis]
        while (inner := self.left[node] != LEAF).any():
            goes_left = X[rows, np.maximum(self.column[node], 0)] <= self.threshold[node]
            child = np.where(goes_left, self.left[node], self.right[node])
            node = np.where(inner, child, node)
        return np.asarray(self.share[node].mean(axis=1))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        return {name: getattr(self, name) for name in self.FIELDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], n_columns: int) -> Forest:
        """Return the forest of `arrays`; `CheckpointError` if one is missing or they do not fit."""
        if missing := [name for name in cls.FIELDS if name not in arrays]:
            raise CheckpointError(f"weights are missing: {', '.join(missing)}; the model is damaged")
        return cls(**{name: np.asarray(arrays[name]) for name in cls.FIELDS}, n_columns=n_columns)


def fit(X: np.ndarray, y: np.ndarray, config: ForestConfig, *, seed: int) -> Forest:
    """Return a forest that tells positives from negatives.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns)
        Descriptors.
    y : ndarray of shape (n,)
        0 or 1, both of them present.
    config : ForestConfig
        Number and size of the trees.
    seed : int
        Same seed, same trees.

    Returns
    -------
    Forest

    Examples
    --------
    >>> X = np.arange(20.0)[:, np.newaxis]
    >>> forest = fit(X, X[:, 0] > 9.5, ForestConfig(n_trees=10, max_features=1), seed=0)
    >>> (forest.predict(np.array([[1.0], [18.0]])) > 0.5).tolist()
    [False, True]
    """
    from sklearn.ensemble import RandomForestClassifier

    trained = RandomForestClassifier(
        n_estimators=config.n_trees,
        max_features=min(config.max_features, X.shape[1]),
        min_samples_leaf=config.min_samples_leaf,
        random_state=seed,
        n_jobs=1,
    ).fit(np.asarray(X, np.float32), np.asarray(y, int))
    return _of_trees([one.tree_ for one in trained.estimators_], X.shape[1])


def _of_trees(trees: list[Any], n_columns: int) -> Forest:
    sizes = [tree.node_count for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)

    def moved(name: str) -> np.ndarray:
        children = [
            np.where(getattr(tree, name) == LEAF, LEAF, getattr(tree, name) + start)
            for tree, start in zip(trees, starts, strict=True)
        ]
        return np.concatenate(children).astype(np.int32)

    values = np.concatenate([tree.value[:, 0, :] for tree in trees])
    return Forest(
        roots=starts,
        left=moved("children_left"),
        right=moved("children_right"),
        column=np.concatenate([tree.feature for tree in trees]).astype(np.int16),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        share=values[:, 1] / values.sum(axis=1),
        n_columns=n_columns,
    )
