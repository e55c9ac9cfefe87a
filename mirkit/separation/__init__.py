"""A mixture into its instruments: residual U-Net with an activity classifier, and Open-Unmix.

After Y.-N. Hung, A. Lerch, "Multitask learning for instrument activation aware music source separation",
ISMIR 2020, and F.-R. Stöter, S. Uhlich, A. Liutkus, Y. Mitsufuji, "Open-Unmix: a reference implementation
for music source separation", JOSS 2019.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
