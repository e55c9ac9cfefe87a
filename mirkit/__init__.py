"""Music information retrieval: instrument activity, separation, sample detection, assessment.

Names are loaded when they are first used; ``mirkit/__init__.pyi`` lists them.
"""

import lazy_loader

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
