#!/usr/bin/env bash
# Run the tests of the bundled models and of the tasks' cores with other versions of Python and of what mirkit uses.
#
#   bash tests/versions.sh PYTHON oldest|newest [FOLDER]
#
# oldest takes tests/oldest.txt, newest whatever pip finds within pyproject.toml's bounds; torch is 2.13 in both.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 which=$2 folder=${3:-build/versions}
place=$folder/$which-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

"$python" -m venv "$place"
pip=("$place/bin/python" -m pip install --quiet --disable-pip-version-check --prefer-binary)
"${pip[@]}" torch==2.13.0
limits=(torch==2.13.0)
if [ "$which" = oldest ]; then limits=(-c tests/oldest.txt); fi
"${pip[@]}" "${limits[@]}" -e ".[scores,jams,synthesis]" pytest hypothesis
"$place/bin/python" -m pip list 2> /dev/null | grep -iE "^(numpy|torch|librosa|scikit-learn|scipy|pandas|numba|lightning) "
OMP_NUM_THREADS=1 "$place/bin/python" -m pytest -q -p no:cacheprovider tests/test_bundled_models.py tests/activity \
    tests/sampling tests/assessment tests/test_audio.py tests/test_formats.py tests/test_multitrack.py
