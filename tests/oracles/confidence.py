"""MedleyDB activation confidence and source-id intervals, written a second time to judge the first.

Nothing here is meant to be fast. The code follows a written description of the algorithm step by step, shares
no line with the package, and must not import it. Parameters are the published defaults and cannot be changed.

The description leaves some points open. They are settled here as follows, and a disagreement with another
implementation on one of these points is a difference of choice, not proof of an error:

1. *Input.* One-dimensional arrays of finite values, converted to float64, at 44,100 Hz. Nothing is resampled,
   rescaled or mixed down to mono. Anything else is a `ValueError`, and so is an empty list of stems.
2. *Unequal lengths.* Shorter stems are extended with zeros to the longest one before step 2, so that every
   stem has the same number of frames. The extension is digital silence.
3. *Padding.* The end is filled up to a multiple of 4096 counted **after** the 2048 leading zeros are in place
   (a toy signal of 20 ones with a window of 10, known to have five frames, settles this). A length that is
   already a multiple is not extended. The number of frames is therefore always odd,
   `2 * ceil((n_samples + 2048) / 4096) - 1`, and a stem of no samples has one frame.
4. *Half-wave rectification* keeps the positive half: negative samples become zero. Inverting the polarity of
   a recording therefore changes its confidence.
5. *N* in step 4 is the number of stems passed in, silent ones included.
6. *All stems silent.* When the largest E0 is zero, step 4 would divide zero by zero. The stems are left at
   zero, which is what step 5 makes of those frames in any case; the confidence is then the floor 0.0474
   everywhere.
7. *The gate* compares strictly: a frame with an E0 of exactly 0.01 is kept. Sums taken in another order may
   fall on the other side of the gate when E0 is within rounding error of it.
8. *The low-pass cut-off* 0.075 is a fraction of the Nyquist frequency of the frame rate, as
   `scipy.signal.butter` reads it when no `fs` is given.
9. *The ends of the forward-backward filter* follow the defaults of `scipy.signal.filtfilt`: odd extension by
   `3 * max(len(a), len(b))` = 9 frames and steady-state initial conditions. Other filter programs extend by
   another amount, which changes the values near both ends.
10. *Too few frames.* That extension needs at least 10 frames, hence, by point 3, at least 11: more than
    4 * 4096 + 2048 = 18,432 samples. Shorter input, silent or not, has no defined confidence and is a
    `ValueError`.
11. *Overflow.* In step 7 the exponential overflows with dozens of stems. From an exponent of 700 on, the
    value is 1.0, which the formula has reached in float64 long before.
12. *Clipping and rounding.* Neither. The filter may push H below zero and above N, and C below the floor; the
    four decimals of step 8 belong to the file, not to the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.signal

SAMPLE_RATE = 44100
WINDOW_LENGTH = 4096
HOP_LENGTH = 2048
LOWPASS_CUTOFF = 0.075
THETA = 0.15
LAMBDA = 20.0
AMPLITUDE_THRESHOLD = 0.01
ACTIVE_FROM = 0.5
FEWEST_FRAMES = 10


def reference_window() -> np.ndarray:
    """The analysis window of step 1.

    Returns
    -------
    numpy.ndarray, shape (4096,)
        A Hann window without its zeros.
    """
    # Step 1: the symmetric Hann window of length 4098, both end zeros dropped.
    full_length = WINDOW_LENGTH + 2
    window = np.zeros(WINDOW_LENGTH, dtype=np.float64)
    for i in range(WINDOW_LENGTH):
        position = i + 1
        window[i] = 0.5 - 0.5 * math.cos(2.0 * math.pi * position / (full_length - 1))
    return window


def reference_frame_energies(samples: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The compressed energy of each frame of one stem, steps 2 and 3.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n_samples,)
        One stem.
    window : numpy.ndarray, shape (n,)
        The analysis window, of even length. The hop is half its length, and its length also takes the place
        of 4096 in the padding rule.

    Returns
    -------
    numpy.ndarray, shape (n_frames,)
        Not normalised, not gated, not smoothed; the sum of the window is not divided out.
    """
    length = len(window)
    hop = length // 2

    # Step 2: half a window of zeros in front ...
    padded = [0.0] * hop
    for sample in samples:
        padded.append(float(sample))
    # ... and zeros at the end until the length is a multiple of the window length.
    while len(padded) == 0 or len(padded) % length != 0:
        padded.append(0.0)

    energies: list[float] = []
    start = 0
    while start + length <= len(padded):
        # Step 2: one frame.
        frame = padded[start : start + length]
        total = 0.0
        for i in range(length):
            # Step 3: half-wave rectification, then square root, then the window ...
            rectified = frame[i] if frame[i] > 0.0 else 0.0
            compressed = math.sqrt(rectified)
            total += float(window[i]) * compressed
        # ... and the arithmetic mean over the samples of the frame.
        energies.append(total / length)
        start += hop
    return np.array(energies, dtype=np.float64)


def reference_confidence(stems: list[np.ndarray]) -> np.ndarray:
    """The activation confidence of every stem in every frame, steps 1 to 7.

    Parameters
    ----------
    stems : list of numpy.ndarray, each of shape (n_samples,)
        The stems of one multitrack, mono, at 44,100 Hz.

    Returns
    -------
    numpy.ndarray, shape (n_frames, n_stems)
        Confidence between 0 and 1, not rounded. The time of each frame is given by `reference_times`.

    Raises
    ------
    ValueError
        If there is no stem, if a stem is not one-dimensional or not finite, or if there are fewer than 10
        frames.
    """
    n_stems = len(stems)
    if n_stems == 0:
        raise ValueError("there must be at least one stem")
    checked: list[np.ndarray] = []
    for stem in stems:
        samples = np.array(stem, dtype=np.float64)
        if samples.ndim != 1:
            raise ValueError(f"each stem must be one-dimensional, got shape {samples.shape}")
        if not np.all(np.isfinite(samples)):
            raise ValueError("each stem must be finite")
        checked.append(samples)

    # Before step 2: all stems as long as the longest (point 2 above).
    longest = 0
    for samples in checked:
        if len(samples) > longest:
            longest = len(samples)
    equal: list[np.ndarray] = []
    for samples in checked:
        extended = np.zeros(longest, dtype=np.float64)
        for i in range(len(samples)):
            extended[i] = samples[i]
        equal.append(extended)

    # Steps 1 to 3: the energy of every stem in every frame.
    window = reference_window()
    columns = [reference_frame_energies(samples, window) for samples in equal]
    n_frames = len(columns[0])
    if n_frames < FEWEST_FRAMES:
        raise ValueError(f"the smoothing filter needs at least {FEWEST_FRAMES} frames, got {n_frames}")
    energy = np.zeros((n_frames, n_stems), dtype=np.float64)
    for k in range(n_frames):
        for j in range(n_stems):
            energy[k, j] = columns[j][k]

    # Step 4: E0 is the sum over the stems ...
    total = np.zeros(n_frames, dtype=np.float64)
    for k in range(n_frames):
        for j in range(n_stems):
            total[k] += energy[k, j]
    largest = 0.0
    for k in range(n_frames):
        if total[k] > largest:
            largest = float(total[k])
    # ... and every stem is multiplied by N and divided by the largest E0 (point 6 above when that is zero).
    envelope = np.zeros((n_frames, n_stems), dtype=np.float64)
    if largest > 0.0:
        for k in range(n_frames):
            for j in range(n_stems):
                envelope[k, j] = n_stems * energy[k, j] / largest

    # Step 5: frames whose E0, before normalisation, is below the threshold are zero for all stems.
    for k in range(n_frames):
        if total[k] < AMPLITUDE_THRESHOLD:
            for j in range(n_stems):
                envelope[k, j] = 0.0

    # Step 6: low-pass along time, forward and backward, one stem after the other.
    b, a = scipy.signal.butter(2, LOWPASS_CUTOFF, btype="low")
    smoothed = np.zeros((n_frames, n_stems), dtype=np.float64)
    for j in range(n_stems):
        smoothed[:, j] = scipy.signal.filtfilt(b, a, envelope[:, j])

    # Step 7: the logistic function (point 11 above for large exponents).
    confidence = np.zeros((n_frames, n_stems), dtype=np.float64)
    for k in range(n_frames):
        for j in range(n_stems):
            exponent = LAMBDA * (float(smoothed[k, j]) - THETA)
            if exponent >= 700.0:
                confidence[k, j] = 1.0
            else:
                confidence[k, j] = 1.0 - 1.0 / (1.0 + math.exp(exponent))
    return confidence


def reference_times(n_frames: int) -> np.ndarray:
    """The time of each frame, step 8.

    Parameters
    ----------
    n_frames : int
        Number of frames.

    Returns
    -------
    numpy.ndarray, shape (n_frames,)
        Seconds, not rounded.
    """
    # Step 8: frame k lies at k * 2048 / 44100 seconds.
    times = np.zeros(n_frames, dtype=np.float64)
    for k in range(n_frames):
        times[k] = k * HOP_LENGTH / SAMPLE_RATE
    return times


def reference_source_id(
    times: np.ndarray, confidence: np.ndarray, labels: Sequence[str]
) -> list[tuple[float, float, str]]:
    """The intervals in which each instrument label is active.

    A label is active in a frame when the largest confidence among its stems is at least 0.5. An interval runs
    from the time of its first active frame to the time of its last one, so that an interval of one frame has
    length zero. Intervals are not merged across gaps and none is too short to be kept.

    Open points, settled here: the label of a stem is compared as it is written, case included. Each stem has
    exactly one label; a stem of several instruments has to be given as several columns. Rows are ordered by
    start, then by end, then by label, which is plain sorting of the rows. The published files hold the same
    activity in other rows: they list the intervals of one stem after those of another, so that rows of one
    label may overlap there. Compare with them by frame, not by row. A confidence read from a file has four
    decimals, so that a value printed as 0.5000 may have been below 0.5 when the intervals were made.

    Parameters
    ----------
    times : numpy.ndarray, shape (n_frames,)
        Time of each frame in seconds.
    confidence : numpy.ndarray, shape (n_frames, n_stems)
        Activation confidence.
    labels : sequence of str, length n_stems
        The instrument of each column. A label may occur more than once.

    Returns
    -------
    list of tuple of (float, float, str)
        Start and end in seconds and the label, both ends inclusive.

    Raises
    ------
    ValueError
        If the three arguments do not fit together.
    """
    n_frames = len(times)
    if confidence.shape != (n_frames, len(labels)):
        raise ValueError(f"confidence is {confidence.shape} for {n_frames} times and {len(labels)} labels")

    distinct: list[str] = []
    for label in labels:
        if label not in distinct:
            distinct.append(label)

    rows: list[tuple[float, float, str]] = []
    for label in distinct:
        first = -1  # first active frame of the open interval, -1 while none is open
        for k in range(n_frames):
            active = False
            for j in range(len(labels)):
                if labels[j] == label and confidence[k, j] >= ACTIVE_FROM:
                    active = True
            if active and first < 0:
                first = k
            if not active and first >= 0:
                rows.append((float(times[first]), float(times[k - 1]), label))
                first = -1
        if first >= 0:
            rows.append((float(times[first]), float(times[n_frames - 1]), label))
    rows.sort()
    return rows
