"""Array aliases whose names give the axes; the shapes are checked where arrays enter, not here."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32]
"""``(n_channels, n_samples)``"""

Signal: TypeAlias = npt.NDArray[np.float32]
"""``(n_samples,)``"""

Spectrum: TypeAlias = npt.NDArray[np.complex64]
"""``(..., n_bins, n_frames)``"""

Frames: TypeAlias = npt.NDArray[np.float32]
"""``(..., n_frames)``: one value a frame on the last axis"""

LabelFrames: TypeAlias = npt.NDArray[np.float32]
"""``(n_labels, n_frames)``"""

Times: TypeAlias = npt.NDArray[np.float64]
"""``(n,)`` seconds"""

TimeSpans: TypeAlias = npt.NDArray[np.float64]
"""``(n, 2)`` seconds: start, end"""
