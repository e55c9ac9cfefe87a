"""Ratings: clean playing, what lowers which, sameness, verdicts, files and the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from assessment.conftest import RATE, clean, perform, tone
from click.testing import CliRunner

from mirkit import assessment, audio
from mirkit.assessment.rubric import ROWS
from mirkit.audio import Audio
from mirkit.cli.assessment import command
from mirkit.errors import CheckpointError, ParameterError


@pytest.fixture(scope="module")
def model():
    return assessment.load()


def shares(result):
    return {name: rating.share for name, rating in result.ratings.items()}


def test_clean_playing_has_at_least_nine_tenths_everywhere(model, score):
    result = assessment.predict(model, perform(clean(score)), score=score)
    assert result.verdicts == ()
    assert min(shares(result).values()) >= 0.9
    assert result.total >= 54


def test_the_same_recording_louder_or_after_silence_has_the_same_ratings(model, score):
    once = perform(clean(score))
    louder = Audio(once.samples * np.float32(2.5), once.sample_rate)
    later = Audio(np.pad(once.samples, ((0, 0), (RATE // 10, 0))), once.sample_rate)
    expected = assessment.predict(model, once, score=score)
    for other in (once, louder, later):
        found = assessment.predict(model, other, score=score)
        assert found.ratings == expected.ratings
    assert found.notes["onset_s"][0] - expected.notes["onset_s"][0] == pytest.approx(0.1)


def test_wrong_notes_take_points_from_notes_alone(model, score):
    notes = clean(score)
    for k in (2, 6, 11, 16):
        notes[k] = (*notes[k][:2], notes[k][2] + 3.0)
    found = shares(assessment.predict(model, perform(notes), score=score))
    assert found["notes"] < 0.8
    assert min(value for name, value in found.items() if name != "notes") > 0.9


def test_uneven_timing_takes_points_from_rhythm(model, score, rng):
    notes = [
        (max(0.0, onset + rng.normal(0, 0.08)), 0.7 * length, pitch) for onset, length, pitch in clean(score)
    ]
    found = shares(assessment.predict(model, perform(notes), score=score))
    assert found["rhythm"] < 0.75
    assert found["notes"] > 0.9


def test_noise_in_the_tone_takes_points_from_tone(model, score, rng):
    sound = perform(clean(score))
    noisy = Audio((sound.samples + rng.normal(0, 0.15, sound.samples.shape)).astype(np.float32), RATE)
    found = shares(assessment.predict(model, noisy, score=score))
    assert found["tone"] < 0.95
    assert found["notes"] > 0.9


def test_without_a_score_what_needs_one_says_so(model, score):
    result = assessment.predict(model, perform(clean(score)))
    assert result.ratings["notes"].points is None
    assert "needs a score" in result.ratings["notes"].reason
    assert "needs a score" in result.ratings["rhythm"].reason
    assert result.ratings["tone"].share > 0.9


def test_another_tune_does_not_match(model, score, rng):
    tune = [(0.4 * k, 0.37, float(rng.integers(60, 80))) for k in range(30)]
    result = assessment.predict(model, perform(tune), score=score)
    assert "does not match this score" in result.verdicts[0]
    assert all(rating.points is None for rating in result.ratings.values())


def test_a_transposed_performance_names_the_interval(model, score):
    down = [(onset, length, pitch - 3) for onset, length, pitch in clean(score)]
    result = assessment.predict(model, perform(down), score=score)
    assert "--transpose -3" in result.verdicts[0]
    again = assessment.predict(model, perform(down), score=score, transpose_st=-3.0)
    assert again.verdicts == ()
    assert again.ratings["notes"].share > 0.9
    astray = assessment.predict(model, perform(down), score=score, transpose_st=2.0)
    assert "--transpose -3" in astray.verdicts[0], "what to give, not what to add"


def sounds(rng):
    chord = sum(tone(p, 4.0, level=0.1) for p in (60, 63.5, 67.3, 70.1))
    loud = np.clip(8 * perform([(0, 1, 69), (1, 1, 71), (2, 1, 72)]).samples[0], -1, 1)
    return {
        "silent": np.zeros(RATE * 2),
        "clipped": loud,
        "noisy": rng.normal(0, 0.1, RATE * 3),
        "polyphonic": chord,
    }


@pytest.mark.parametrize("kind", ["silent", "clipped", "noisy", "polyphonic"])
def test_what_cannot_be_heard_is_refused_by_name(model, score, rng, kind):
    y = sounds(rng)[kind].astype(np.float32)[np.newaxis]
    result = assessment.predict(model, Audio(y, RATE), score=score)
    assert result.verdicts[0].startswith("unusable recording")
    assert kind in result.verdicts[0]
    assert all(rating.points is None for rating in result.ratings.values())


def test_several_voices_are_refused_without_a_score(model):
    chords = [sum(tone(p + k, 1.0, level=0.1) for p in (60, 63.5, 67.3)) for k in (0, 5, 7, 0)]
    result = assessment.predict(model, Audio(np.concatenate(chords)[np.newaxis].astype(np.float32), RATE))
    assert "polyphonic" in result.verdicts[0]


def test_notes_heard_are_told_with_and_without_a_score(model, score, tmp_path):
    sound = perform(clean(score))
    alone, beside = assessment.predict(model, sound), assessment.predict(model, sound, score=score)
    for result in (alone, beside):
        assert np.round(result.heard["pitch_midi"]).tolist() == score.notes["pitch_midi"].tolist()
        assert np.abs(result.heard["cents"]).max() < 5
    alone.write(tmp_path)
    assert len((tmp_path / "heard.csv").read_text().splitlines()) == 1 + len(score.notes)


def test_bad_arguments_are_refused(model):
    with pytest.raises(ParameterError, match="no samples"):
        assessment.predict(model, Audio(np.zeros((1, 0), np.float32), 44100))
    with pytest.raises(ParameterError, match="cuda"):
        assessment.predict(model, Audio(np.zeros((1, 9), np.float32), 44100), device="cuda")
    with pytest.raises(ParameterError, match="not finite"):
        assessment.predict(model, Audio(np.full((1, 44100), np.nan, np.float32), 44100))


def test_tolerances_change_remarks_and_no_ratings(model, score):
    notes = clean(score)
    sound = perform(notes)
    bent = tone(notes[3][2], notes[3][1], cents=20.0)
    first = round((0.2 + notes[3][0]) * RATE)
    sound.samples[0, first : first + len(bent)] = bent
    strict = assessment.predict(
        model,
        sound,
        score=score,
        tolerance=assessment.Config.from_dict({"tolerance": {"cents": 10}}).tolerance,
    )
    lenient = assessment.predict(model, sound, score=score)
    assert strict.remarks[3] == "sharp"
    assert lenient.remarks[3] == ""
    assert strict.ratings == lenient.ratings


def test_results_survive_writing_and_reading(model, score, tmp_path):
    notes = clean(score)
    del notes[5]
    result = assessment.predict(model, perform(notes), score=score)
    result.write(tmp_path)
    again = assessment.Assessment.read(tmp_path)
    assert again.to_json() == result.to_json()
    assert (tmp_path / "notes.csv").read_text().count("missed") >= 1


def test_the_bundled_rubric_is_the_one_in_the_code(model):
    assert model.config.rubric == ROWS
    assert model.config.network == "rubric"


def edited_rubric(folder, change):
    """Save the built-in rubric, edit its config.json, and return the folder."""
    assessment.Model(assessment.Config()).checkpoint().save(folder)
    content = json.loads((folder / "config.json").read_text())
    change(content["config"]["rubric"])
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def test_a_rubric_without_rows_of_its_own_survives_saving(model, tmp_path):
    assessment.Model(assessment.Config()).checkpoint().save(tmp_path / "m")
    again = assessment.load(tmp_path / "m")
    assert again.config.rubric == ROWS
    assert again.checkpoint().arrays.keys() == model.checkpoint().arrays.keys()


def test_corners_changed_in_the_config_file_are_those_that_rate(model, score, tmp_path):
    def stricter(rows):
        (row,) = (row for row in rows if row["measurement"] == "note_accuracy")
        row["shares"] = [0.5 * share for share in row["shares"]]
        rows.remove(next(row for row in rows if row["measurement"] == "legato"))

    changed = assessment.load(edited_rubric(tmp_path / "m", stricter))
    sound = perform(clean(score))
    before, after = (shares(assessment.predict(m, sound, score=score)) for m in (model, changed))
    assert after["notes"] == pytest.approx(0.5 * before["notes"], abs=0.01)
    assert after["tone"] == before["tone"]
    changed.checkpoint().save(tmp_path / "again")
    assert assessment.load(tmp_path / "again").config == changed.config


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("values", [3.0, 2.0, 1.0, 0.5, 0.0], "rising values"),
        ("shares", [2.0, 1.0, 0.7, 0.3, 0.0], r"shares in \[0, 1\]"),
        ("weight", 0.0, "weight above 0"),
    ],
)
def test_corners_that_make_no_map_are_refused(tmp_path, key, value, reason):
    folder = edited_rubric(tmp_path / "m", lambda rows: rows[0].__setitem__(key, value))
    with pytest.raises(CheckpointError, match=f"musicality/pause_share.*{reason}"):
        assessment.load(folder)


def test_weights_of_another_model_are_refused(model):
    checkpoint = model.checkpoint()
    strange = replace(checkpoint, arrays={**checkpoint.arrays, "tone.bias": np.zeros(1)})
    with pytest.raises(CheckpointError, match=r"tone\.bias belong to none of rubric"):
        assessment.Model.from_checkpoint(strange)


def test_figures_show_every_note(model, score):
    axes = assessment.plot(assessment.predict(model, perform(clean(score)), score=score))
    bars = [patch for container in axes.containers for patch in container.patches]
    assert len(bars) == len(score.notes)


def test_command_line_from_files_to_figure(score, tmp_path):
    score.write(tmp_path / "score.csv")
    audio.write(tmp_path / "in" / "a.wav", perform(clean(score)))
    (tmp_path / "in" / "b.wav").write_bytes(b"nothing")
    arguments = [
        "predict",
        str(tmp_path / "in"),
        "--score",
        str(tmp_path / "score.csv"),
        "-o",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(command, [*arguments, "--json"])
    assert done.exit_code == 1
    assert "b.wav" in done.stderr
    found = json.loads(done.stdout)
    assert found["results"][0]["total"] > 54
    assert len(found["failures"]) == 1
    names = {path.name for path in (tmp_path / "out" / "a").iterdir()}
    tables = {"notes.csv", "heard.csv", "bars.csv", "ratings.csv"}
    assert names == {"assessment.json", "performance.png", "run.json"} | tables
    figure = tmp_path / "figure.svg"
    done = CliRunner().invoke(command, ["plot", str(tmp_path / "out" / "a"), "-o", str(figure)])
    assert done.exit_code == 0, done.output
    assert figure.stat().st_size > 1000


def test_a_missing_score_fails_at_once(tmp_path):
    done = CliRunner().invoke(
        command, ["predict", "a.wav", "--score", str(tmp_path / "no.mid"), "-o", str(tmp_path / "o")]
    )
    assert done.exit_code != 0
    assert "no such score" in str(done.exception)
