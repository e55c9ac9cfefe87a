"""What a caller gets who passes something that is no sound."""

import numpy as np
import pytest

from mirkit import Audio, activity, assessment, sampling, separation
from mirkit.errors import ParameterError

SOUND = Audio(np.zeros((1, 22050), np.float32), 22050)


@pytest.mark.parametrize("task", [activity, separation, assessment], ids=lambda task: task.__name__)
@pytest.mark.parametrize(("wrong", "hint"), [("song.mp3", r"mirkit\.read"), (np.zeros(9), r"Audio\(samples")])
def test_a_value_that_is_no_sound_is_named_with_what_to_do(task, wrong, hint):
    with pytest.raises(ParameterError, match=rf"must be mirkit\.Audio, got .*{hint}"):
        task.predict(task.load(), wrong)


@pytest.mark.parametrize("pair", [(SOUND, "song.mp3"), ("sample.wav", SOUND)])
def test_sample_and_song_must_be_sounds(pair):
    with pytest.raises(ParameterError, match="got str"):
        sampling.predict(sampling.load(), *pair)
