"""Where a sample occurs in a song, how it is transposed and stretched, and whether it is there at all.

After S. Gururani, A. Lerch, "Automatic sample detection in polyphonic music", ISMIR 2017.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
