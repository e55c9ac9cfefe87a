from . import activity as activity
from . import assessment as assessment
from . import data as data
from . import sampling as sampling
from . import separation as separation
from .annotation import ActivityAnnotation as ActivityAnnotation
from .annotation import Intervals as Intervals
from .annotation import Taxonomy as Taxonomy
from .audio import Audio as Audio
from .audio import blocks as blocks
from .audio import read as read
from .audio import write as write
from .dsp import FrameGrid as FrameGrid
from .multitrack import MultiTrack as MultiTrack
from .multitrack import Stem as Stem

__version__: str
