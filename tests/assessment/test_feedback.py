"""The table of bars and the remarks of a page: bars played twice, notes before the first one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirkit.assessment import Assessment
from mirkit.assessment.feedback import Account, bar_table
from mirkit.assessment.report import describe
from mirkit.assessment.result import ADDED, PLAYED


@pytest.fixture
def played():
    """Four bars of four notes, all right, played twice."""
    notes = np.zeros(32, PLAYED)
    notes["note"] = notes["beat"] = np.arange(32)
    notes["bar"] = np.tile(np.repeat([1, 2, 3, 4], 4), 2)
    notes["status"], notes["score_midi"], notes["onset_s"] = "correct", 60.0, 0.5 * np.arange(32)
    return notes


def test_a_bar_played_twice_has_its_own_tempo(played):
    tempo = np.stack([np.arange(32.0), np.where(played["bar"] == 2, 60.0, 120.0)], axis=1)
    bars = bar_table(Account(played, np.zeros(0, ADDED), (), tempo))
    assert bars["tempo_bpm"].tolist() == [120, 60, 120, 120]
    assert bars["n_notes"].tolist() == [8] * 4
    assert np.isnan(bar_table(Account(played, np.zeros(0, ADDED), (), tempo[:0]))["tempo_bpm"]).all()


def test_notes_before_the_first_count_in_its_bar_and_are_told_so(played):
    added = np.array([(0.1, 0.2, 62.0, -1), (0.7, 0.2, 64.0, 0), (3.6, 0.2, 65.0, 6)], ADDED)
    bars = bar_table(Account(played, added, (), np.zeros((0, 2))))
    assert bars["added"].tolist() == [2, 1, 0, 0]
    result = replace(Assessment.empty(()), notes=played, added=added, remarks=("",) * 32)
    (table,) = describe(result).tables
    assert [row.cells[:4] for row in table.rows] == [
        ("1", "before 0", "D4", "added"),
        ("1", "after 0", "E4", "added"),
        ("2", "after 6", "F4", "added"),
    ]
