"""BSS Eval version 4: how much of an estimate is target, filtered target, other sources, and artifacts.

E. Vincent, R. Gribonval, C. Févotte, "Performance measurement in blind audio source separation", IEEE TASLP
14(4), 2006; A. Liutkus, F.-R. Stöter, N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA 2018
(version 4: one set of distortion filters for the whole signal, scores for each second).

An estimate is projected on the references delayed by up to ``filter_length - 1`` samples: on those of its
own source, and on those of all sources. The filters are found once for the whole signal; the scores of a
window compare the energies of the projections of that window. By Parseval's theorem these energies are sums
over spectra, so nothing is transformed back, and the spectra of the references serve all estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from mirkit._blas import one_blas_thread
from mirkit.errors import ParameterError

__all__ = ["MEASURES", "bss_eval", "bss_eval_target"]

MEASURES = ("sdr", "isr", "sir", "sar")

BLOCK_LENGTH = 1 << 13
"""Samples in a transform of the correlations."""

BLOCKS_AT_A_TIME = 8
WINDOWS_AT_A_TIME = 8
"""Bounds of memory; larger ones are no faster."""

MAX_THREADS = 4
"""More would wait for the largest factorisation, and each takes memory."""


def bss_eval(
    references: np.ndarray,
    estimates: np.ndarray,
    *,
    window_length: int | None = 44100,
    hop_length: int | None = None,
    filter_length: int = 512,
) -> dict[str, np.ndarray]:
    """Return the scores of all sources in every window, as ``museval`` 0.4.1 in mode ``v4``.

    Parameters
    ----------
    references, estimates : ndarray of shape (n_sources, n_channels, n_samples)
        True and estimated sources in the same order.
    window_length, hop_length : int, optional
        Samples of a window and between windows; the hop is the window if None, and the window the whole
        signal if None. A last window that would be incomplete is left out.
    filter_length : int
        Taps of the distortion filters.

    Returns
    -------
    dict of str to ndarray of shape (n_sources, n_windows)
        ``sdr``, ``isr``, ``sir``, ``sar``, decibels. NaN for **all** sources in a window where any
        reference or any estimate is silent; infinite where an error is exactly zero.

    Raises
    ------
    ParameterError
        If the shapes differ or a length is not positive.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sources = rng.standard_normal((2, 1, 4000))
    >>> scores = bss_eval(sources, sources[::-1], window_length=None, filter_length=8)
    >>> scores["sir"].round().tolist()[0][0] < -20
    True
    """
    if references.shape != estimates.shape:
        raise ParameterError(
            f"references and estimates must have one shape, got {references.shape} and {estimates.shape}"
        )
    scores = _scores(references, estimates, window_length, hop_length, filter_length)
    windows = list(_windows(references.shape[-1], window_length, hop_length))
    silent = _silent(references, windows).any(axis=0) | _silent(estimates, windows).any(axis=0)
    for values in scores.values():
        values[:, silent] = np.nan
    return scores


def bss_eval_target(
    target: np.ndarray,
    rest: np.ndarray,
    estimate: np.ndarray,
    *,
    window_length: int | None = 44100,
    hop_length: int | None = None,
    filter_length: int = 512,
) -> dict[str, np.ndarray]:
    """Return the scores of one source against everything else in the mixture.

    They do not depend on which other sources were estimated, and one silent source does not take the
    window from the others.

    Parameters
    ----------
    target, rest, estimate : ndarray of shape (n_channels, n_samples)
        True source, the mixture without it, and the estimate.
    window_length, hop_length, filter_length : int, optional
        See `bss_eval`.

    Returns
    -------
    dict of str to ndarray of shape (n_windows,)
        As for `bss_eval`. NaN only where the target is silent; a silent estimate of a target that
        sounds scores 0 dB in all four.

    Raises
    ------
    ParameterError
        If the shapes differ or a length is not positive.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> target, rest = rng.standard_normal((2, 1, 4000))
    >>> scores = bss_eval_target(target, rest, 0 * target, window_length=1000, filter_length=8)
    >>> scores["sdr"].tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    if not target.shape == rest.shape == estimate.shape:
        raise ParameterError(
            f"target, rest and estimate must have one shape, got {target.shape}, {rest.shape} and "
            f"{estimate.shape}"
        )
    found = _scores(np.stack([target, rest]), estimate[np.newaxis], window_length, hop_length, filter_length)
    windows = list(_windows(target.shape[-1], window_length, hop_length))
    scores = {name: values[0] for name, values in found.items()}
    for values in scores.values():
        values[_silent(estimate[np.newaxis], windows)[0]] = 0.0
        values[_silent(target[np.newaxis], windows)[0]] = np.nan
    return scores


def _scores(
    references: np.ndarray,
    estimates: np.ndarray,
    window_length: int | None,
    hop_length: int | None,
    filter_length: int,
) -> dict[str, np.ndarray]:
    """Return the scores of the first sources, of which there are estimates."""
    if references.ndim != 3 or not references.size:
        raise ParameterError(
            f"sources must have shape (n_sources, n_channels, n_samples), got {references.shape}"
        )
    given = {"window_length": window_length, "hop_length": hop_length, "filter_length": filter_length}
    if wrong := {name: value for name, value in given.items() if value is not None and value < 1}:
        raise ParameterError(f"lengths must be 1 or more samples, got {wrong}")
    n_channels, n_estimates = references.shape[1], len(estimates)
    x, y = (np.reshape(sources, (-1, sources.shape[-1])) for sources in (references, estimates))
    windows = list(_windows(x.shape[1], window_length, hop_length))
    with _threads() as pool:
        lags = _correlations(x, y, filter_length, pool)
        ranges = [range(k * n_channels, (k + 1) * n_channels) for k in range(n_estimates)]
        filters = [pool.submit(_filters, lags, range(len(x)), range(len(y)))]
        filters += [pool.submit(_filters, lags, channels, channels) for channels in ranges]
        every, *own = [one.result() for one in filters]
        groups = [windows[k : k + WINDOWS_AT_A_TIME] for k in range(0, len(windows), WINDOWS_AT_A_TIME)]
        found = pool.map(lambda group: _energies(x, y, every, own, group), groups)
        energies = np.concatenate(list(found), axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: 10 * np.log10(energies[2 * k] / energies[2 * k + 1]) for k, name in enumerate(MEASURES)}


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Give as many threads as BLAS would take, each of which keeps BLAS to itself.

    For many small products the threads of BLAS only wait. The one large factorisation would gain a fifth of
    a second on idle cores, and lose ten where others compute, too: its threads wait for one another at every
    block.
    """
    from scipy import linalg  # noqa: F401  # has a BLAS of its own, which must be there to be limited

    with one_blas_thread() as n_threads, ThreadPoolExecutor(min(n_threads, MAX_THREADS)) as pool:
        yield pool


def _windows(n_samples: int, window_length: int | None, hop_length: int | None) -> Iterator[slice]:
    length = n_samples if window_length is None else min(window_length, n_samples)
    return (slice(start, start + length) for start in range(0, n_samples - length + 1, hop_length or length))


def _silent(sources: np.ndarray, windows: list[slice]) -> np.ndarray:
    """Return whether each source is digital silence in each window, ``(n_sources, n_windows)``."""
    return np.stack([~sources[..., window].any(axis=(-2, -1)) for window in windows], axis=1)


def _correlations(x: np.ndarray, y: np.ndarray, n_lags: int, pool: ThreadPoolExecutor) -> np.ndarray:
    """Return the sums over ``n`` of ``x[i, n - lag] * z[j, n]``, z being x and y: ``(n_x, n_z, n_lags)``.

    The cross-spectra of short blocks are added up: only the few lags that are wanted are ever formed.
    """
    from scipy import fft

    n_samples = x.shape[1]
    n_fft = max(BLOCK_LENGTH, 1 << (4 * n_lags).bit_length())
    step = n_fft - n_lags + 1

    def cross_spectra(first: int) -> np.ndarray:
        """Return the sum of those of the blocks from a sample on, ``(n_bins, n_x, n_z)``."""
        starts = range(first, min(n_samples, first + step * BLOCKS_AT_A_TIME), step)
        # Both begin n_lags - 1 samples before the block, but z is zero there: no lag wraps around.
        earlier = np.zeros((len(x), len(starts), n_fft))
        later = np.zeros((len(x) + len(y), len(starts), n_fft))
        for k, start in enumerate(starts):
            stop = min(start + step, n_samples)
            before = min(start, n_lags - 1)
            earlier[:, k, n_lags - 1 - before : n_lags - 1 + stop - start] = x[:, start - before : stop]
            later[: len(x), k, n_lags - 1 : n_lags - 1 + stop - start] = x[:, start:stop]
            later[len(x) :, k, n_lags - 1 : n_lags - 1 + stop - start] = y[:, start:stop]
        X, Z = fft.rfft(earlier), fft.rfft(later)  # (n_signals, n_blocks, n_bins)
        return np.asarray(np.conj(X).transpose(2, 0, 1) @ Z.transpose(2, 1, 0))

    total = np.zeros((n_fft // 2 + 1, len(x), len(x) + len(y)), dtype=np.complex128)
    for part in pool.map(cross_spectra, range(0, n_samples, step * BLOCKS_AT_A_TIME)):
        total += part
    return np.asarray(fft.irfft(total, n=n_fft, axis=0)[:n_lags].transpose(1, 2, 0))


def _filters(lags: np.ndarray, sources: range, estimates: range) -> np.ndarray:
    """Return the least-squares filters ``(n_estimates, n_sources, n_lags)`` from channels to channels."""
    from scipy import linalg

    n_lags, offset = lags.shape[2], lags.shape[0]  # the estimates' columns come after the references'
    D = np.stack([lags[list(sources), offset + e].ravel() for e in estimates], axis=1)
    try:
        # Symmetric, so its transpose is itself in the order that LAPACK works in: no copy.
        factor = linalg.cho_factor(_gram(lags, sources).T, lower=True, overwrite_a=True, check_finite=False)
        C = linalg.cho_solve(factor, D, check_finite=False)
    except linalg.LinAlgError:  # singular but for rounding: two equal channels, or a silent one
        G = _gram(lags, sources)
        try:
            C = np.linalg.solve(G, D)
        except np.linalg.LinAlgError:
            C = np.linalg.lstsq(G, D, rcond=None)[0]
    return np.asarray(C.T.reshape(len(estimates), len(sources), n_lags))


def _gram(lags: np.ndarray, sources: range) -> np.ndarray:
    """Return the inner products of all delayed sources, with museval's regularisation."""
    from scipy import linalg

    n, n_lags = len(sources), lags.shape[2]
    blocks = np.empty((n, n_lags, n, n_lags))
    for i, a in enumerate(sources):
        for j, b in enumerate(sources):
            blocks[i, :, j] = linalg.toeplitz(lags[a, b], lags[b, a])
    G = blocks.reshape(n * n_lags, n * n_lags)
    G[np.diag_indices_from(G)] += np.finfo(float).eps
    return G


def _energies(
    x: np.ndarray, y: np.ndarray, every: np.ndarray, own: list[np.ndarray], windows: list[slice]
) -> np.ndarray:
    """Return numerator and denominator of each measure, ``(8, n_estimates, n_windows)``."""
    from scipy import fft

    n_lags, length = every.shape[2], windows[0].stop - windows[0].start
    n_fft = fft.next_fast_len(length + n_lags - 1, real=True)
    n_estimates, n_channels = len(own), len(y) // len(own)

    def spectra(signals: np.ndarray) -> np.ndarray:
        cut = np.stack([signals[:, window] for window in windows], axis=1)
        return np.asarray(fft.rfft(cut.astype(np.float64, copy=False), n=n_fft))

    X, Y = spectra(x), spectra(y)  # (n_signals, n_windows, n_bins)
    # By frequency: filters (n_bins, n_outputs, n_inputs) times (n_bins, n_inputs, n_windows)
    projected = (fft.rfft(every, n=n_fft).transpose(2, 0, 1) @ X.transpose(2, 0, 1)).transpose(1, 2, 0)
    weights = np.full(n_fft // 2 + 1, 2.0)  # of both halves of the spectrum
    weights[0] = 1.0
    if n_fft % 2 == 0:
        weights[-1] = 1.0

    def energy(spectrum: np.ndarray) -> np.ndarray:
        """Return the sum of squares over channels and time, ``(n_windows,)``."""
        return np.asarray(((spectrum.real**2 + spectrum.imag**2) @ weights).sum(axis=0) / n_fft)

    energies = np.empty((8, n_estimates, len(windows)))
    for k in range(n_estimates):
        channels = slice(k * n_channels, (k + 1) * n_channels)
        true, estimate, every_source = X[channels], Y[channels], projected[channels]
        filters = fft.rfft(own[k], n=n_fft)  # (n_channels, n_channels, n_bins)
        own_source = np.einsum("oif,iwf->owf", filters, true)
        energies[:, k] = [
            energy(true), energy(estimate - true),
            energy(true), energy(own_source - true),
            energy(own_source), energy(every_source - own_source),
            energy(every_source), energy(estimate - every_source),
        ]  # fmt: skip
    return energies
