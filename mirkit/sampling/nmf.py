"""Non-negative matrix factorisation with some templates fixed."""

from __future__ import annotations

import numpy as np

from mirkit.errors import ParameterError

__all__ = ["partially_fixed_nmf", "sample_templates", "transposed"]

EPS = np.float32(1e-9)
CHECK_EVERY = 10


def partially_fixed_nmf(
    V: np.ndarray,
    W: np.ndarray,
    *,
    n_free: int,
    n_iterations: int,
    tolerance: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return activations of given templates, and of free ones that take up everything else.

    Multiplicative updates of the generalised Kullback-Leibler divergence between V and W H + W' H', all but W
    updated. C.-W. Wu, A. Lerch, "Drum transcription using partially fixed non-negative matrix factorization",
    EUSIPCO 2015.

    Parameters
    ----------
    V : ndarray of shape (n_bins, n_frames)
        Magnitudes of the song.
    W : ndarray of shape (n_bins, n_fixed)
        Templates that stay.
    n_free : int
        Templates W' that adapt.
    n_iterations : int
        At most.
    tolerance : float
        Stop when a step gains less than this share of all that was gained.
    rng : Generator
        For the start.

    Returns
    -------
    H : ndarray of shape (n_fixed, n_frames)
    H_free : ndarray of shape (n_free, n_frames)
    costs : list of float
        Divergence every tenth iteration; never rises.

    Raises
    ------
    ParameterError
        If the shapes do not fit or a value is negative.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> W = rng.random((30, 2)).astype(np.float32)
    >>> V = W @ rng.random((2, 40)).astype(np.float32)
    >>> H, _, costs = partially_fixed_nmf(V, W, n_free=1, n_iterations=100, tolerance=0, rng=rng)
    >>> H.shape, costs[-1] < 0.05 * costs[0]
    ((2, 40), True)
    """
    if V.ndim != 2 or W.ndim != 2 or len(V) != len(W):
        raise ParameterError(f"V and W must have as many rows, got shapes {V.shape} and {W.shape}")
    if (V < 0).any() or (W < 0).any():
        raise ParameterError("V and W must not be negative; give magnitudes")
    V = np.asarray(V, np.float32) + EPS
    n_fixed = W.shape[1]
    templates = np.concatenate([W, rng.random((len(V), n_free))], axis=1).astype(np.float32)
    templates[:, n_fixed:] /= templates[:, n_fixed:].sum(axis=0)
    H = rng.random((templates.shape[1], V.shape[1])).astype(np.float32)
    H *= V.sum() / max(float((templates @ H).sum()), 1e-12)
    costs: list[float] = []
    ratio = np.empty_like(V)
    for k in range(n_iterations):
        H *= (templates.T @ _ratio(V, templates, H, ratio)) / (templates.sum(axis=0)[:, np.newaxis] + EPS)
        _ratio(V, templates, H, ratio)
        templates[:, n_fixed:] *= (ratio @ H[n_fixed:].T) / (H[n_fixed:].sum(axis=1) + EPS)
        size = templates[:, n_fixed:].sum(axis=0) + EPS
        templates[:, n_fixed:] /= size
        H[n_fixed:] *= size[:, np.newaxis]
        if k % CHECK_EVERY == CHECK_EVERY - 1 or k == n_iterations - 1:
            costs.append(_divergence(V, templates @ H + EPS))
            gained = costs[0] - costs[-1]
            if len(costs) > 1 and costs[-2] - costs[-1] < tolerance * gained * CHECK_EVERY:
                break
    return H[:n_fixed], H[n_fixed:], costs


def _ratio(V: np.ndarray, templates: np.ndarray, H: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return V over its estimate, in place: fresh memory for each step would cost as much as the products."""
    np.matmul(templates, H, out=out)
    out += EPS
    np.divide(V, out, out=out)
    return out


def _divergence(V: np.ndarray, estimate: np.ndarray) -> float:
    return float((V * np.log(V / estimate) - V + estimate).sum(dtype=np.float64))


def sample_templates(V: np.ndarray, n_templates: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return templates of a sample, each with a root mean square of 1, and their activations.

    Parameters
    ----------
    V : ndarray of shape (n_bins, n_frames)
        Magnitudes of the sample.
    n_templates : int
        Fewer if it has fewer frames; silent ones are left out.
    seed : int
        Of the start.

    Returns
    -------
    W : ndarray of shape (n_bins, n)
    H : ndarray of shape (n, n_frames)

    Examples
    --------
    >>> W, H = sample_templates(np.random.default_rng(0).random((50, 20)), 3)
    >>> np.sqrt((W**2).mean(axis=0)).round(3).tolist(), H.shape
    ([1.0, 1.0, 1.0], (3, 20))
    """
    from sklearn.decomposition import non_negative_factorization

    n = min(n_templates, *V.shape)
    W, H, _ = non_negative_factorization(
        np.asarray(V, np.float64), n_components=n, init="random", random_state=seed, max_iter=200, tol=1e-4
    )
    size = np.sqrt(np.square(W).mean(axis=0))
    heard = (size > 1e-12) & (H.sum(axis=1) > 0)
    return W[:, heard] / size[heard], H[heard] * size[heard, np.newaxis]


def transposed(W: np.ndarray, shift_st: float) -> np.ndarray:
    """Return templates with their frequency axis stretched, each with a root mean square of 1 again.

    Parameters
    ----------
    W : ndarray of shape (n_bins, n)
        On a linear frequency axis from 0.
    shift_st : float
        Semitones up.

    Returns
    -------
    ndarray of shape (n_bins, n)
        0 where the frequencies of the original end.
    """
    if shift_st == 0:
        return W
    from scipy.interpolate import CubicSpline

    bins = np.arange(len(W)) / 2 ** (shift_st / 12)
    moved = np.maximum(CubicSpline(np.arange(len(W)), W, axis=0)(np.minimum(bins, len(W) - 1)), 0.0)
    moved[bins > len(W) - 1] = 0.0
    return np.asarray(moved / (np.sqrt(np.square(moved).mean(axis=0)) + 1e-12))
