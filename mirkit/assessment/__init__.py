"""How well a melody was played: every note and bar, named measurements, and ratings.

After C.-W. Wu, S. Gururani, C. Laguna, A. Pati, A. Vidwans, A. Lerch, "Towards the objective assessment of
music performances", ICMPC 2016, and the descriptors of A. Vidwans et al., AES 2017.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
