"""Which instruments play when: 18 classes in polyphonic music.

After S. Gururani, C. Summers, A. Lerch, "Instrument activity detection in polyphonic music using deep
neural networks", ISMIR 2018.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
