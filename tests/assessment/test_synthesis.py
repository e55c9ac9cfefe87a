"""Simulated performances: truth that says what sounds, a jury that rates skills, the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from mirkit import assessment
from mirkit.assessment import player, synthesis
from mirkit.assessment.sounding import Additive, render
from mirkit.cli.assessment import command
from mirkit.errors import ParameterError

SEED = 5
"""One with which a tune of 24 notes suffers every fault."""


def test_without_faults_the_score_is_played(score, rng):
    done = player.perform(rng, score, tempo_bpm=120)
    assert np.allclose(done.notes["onset_s"], score.notes["onset_beat"] / 2)
    assert done.notes["pitch_midi"].tolist() == score.notes["pitch_midi"].tolist()
    assert (done.missed, done.pauses, done.restarts) == ((), (), ())


@pytest.mark.parametrize("fault", list(player.FAULTS))
def test_every_fault_changes_what_sounds(score, fault):
    def sound(amount):
        done = player.perform(np.random.default_rng(SEED), score, {fault: amount}, tempo_bpm=80)
        return done, render(np.random.default_rng(2), done, Additive(), sample_rate=8000)

    (without, silent), (done, spoilt) = sound(0.0), sound(1.0)
    assert spoilt.samples.shape != silent.samples.shape or not np.allclose(spoilt.samples, silent.samples)
    said = {
        "missed": len(done.missed),
        "pause": len(done.pauses),
        "restart": len(done.restarts),
    } | {status: int(np.sum(done.notes["status"] == status)) for status in ("wrong", "added", "repeated")}
    for name in said:
        assert (said[name] > 0) == (name == fault)
    assert len(without.notes) == len(score.notes)


def test_unknown_faults_are_refused(score, rng):
    with pytest.raises(ParameterError, match="wanted 0 to 1 of wrong"):
        player.perform(rng, score, {"yawning": 0.5})


def test_skills_of_a_player_are_correlated_and_the_jury_follows_them():
    rng = np.random.default_rng(0)
    drawn = [player.skills(rng) for _ in range(2000)]
    table = np.array([list(skill.values()) for skill in drawn])
    r = np.corrcoef(table.T)[np.triu_indices(5, 1)]
    assert r.min() > 0.6
    assert r.max() < 0.8
    points = np.array([synthesis.jury(rng, skill)["tone"] for skill in drawn])
    assert np.corrcoef(points, [skill["tone"] for skill in drawn])[0, 1] > 0.85


def test_command_writes_a_data_set_that_the_others_read(score, tmp_path):
    score.write(tmp_path / "tune.csv")
    folder = tmp_path / "made"
    arguments = ["synthesize", "-o", str(folder), "-n", "2", "--score", str(tmp_path / "tune.csv"), "--noisy"]
    ran = CliRunner().invoke(command, arguments)
    assert ran.exit_code == 0, ran.output
    table = assessment.PerformanceTable.read(folder)
    assert len(table.items) == 2
    assert table.validate() == []
    assert set(table.most) == {"musicality", "tone", "notes", "rhythm", "artistry"}
    truth = json.loads((folder / "take0000.truth.json").read_text())
    assert set(truth["faults"]) == set(player.FAULTS)
    again = tmp_path / "again"
    arguments[2] = str(again)
    assert CliRunner().invoke(command, arguments).exit_code == 0
    for name in ("take0001.truth.csv", "take0001.flac", "performances.csv"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_sweep_changes_one_fault(score):
    made = synthesis.sweeps(1, iter([score]), synthesis.voices())
    assert len(made) == len(player.FAULTS) * len(synthesis.STEPS)
    assert all(len(plan.faults) == 1 for plan in made)
