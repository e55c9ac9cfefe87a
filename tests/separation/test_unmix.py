"""Open-Unmix: the published network, its folders, and what of them is refused."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from mirkit import Audio
from mirkit.errors import CheckpointError
from mirkit.separation import Config, load, predict
from mirkit.separation.config import FeatureConfig, UMXConfig
from mirkit.separation.unmix import OpenUnmix

FEATURES = FeatureConfig(sample_rate=8000, n_fft=256, hop_length=64, bandwidth_hz=3500.0)
SIZES = UMXConfig(hidden_size=16, n_layers=3)


def published(openunmix, seed=0, n_channels=2):
    """Return the package's own network with weights that matter."""
    torch.manual_seed(seed)
    network = openunmix.model.OpenUnmix(
        nb_bins=129, nb_channels=n_channels, hidden_size=16, max_bin=FEATURES.n_input_bins,
        input_mean=np.random.default_rng(seed).uniform(0, 1, 129),
        input_scale=np.random.default_rng(seed).uniform(0.5, 2, 129),
    )  # fmt: skip
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


@pytest.fixture
def folder(openunmix, tmp_path):
    """A folder as it is published: two targets, one with its hash in the name and surplus keys."""
    root = tmp_path / "umx"
    root.mkdir()
    general = {"nfft": 256, "nhop": 64, "sample_rate": 8000.0, "nb_channels": 2}
    (root / "separator.json").write_text(json.dumps(general))
    for seed, target in enumerate(("drums", "vocals")):
        arguments = {"nfft": 256, "nb_channels": 2, "hidden_size": 16, "bandwidth": 3500}
        (root / f"{target}.json").write_text(json.dumps({"args": arguments, "best_loss": 1.0}))
        state = published(openunmix, seed).state_dict()
        if target == "drums":
            state |= {
                "stft.window": torch.hann_window(256),
                "transform.0.window": torch.hann_window(256),
                "sample_rate": torch.tensor(8000.0),
            }
        torch.save(state, root / f"{target}.pth")
    digest = hashlib.sha256((root / "drums.pth").read_bytes()).hexdigest()[:8]
    (root / "drums.pth").rename(root / f"drums-{digest}.pth")
    return root


@pytest.mark.parametrize(("size", "n_parameters"), [(512, 8_893_348), (1024, 28_257_188)])
def test_sizes_are_the_published_ones(size, n_parameters):
    features = FeatureConfig()
    assert features.n_input_bins == 1487
    network = OpenUnmix(UMXConfig(hidden_size=size), features, ("vocals",))
    assert sum(weight.numel() for weight in network.parameters()) == n_parameters


@pytest.mark.parametrize("n_channels", [1, 2])
def test_masked_magnitudes_are_those_of_the_published_network(openunmix, n_channels):
    theirs = published(openunmix, n_channels=n_channels)
    ours = OpenUnmix(UMXConfig(hidden_size=16, n_channels=n_channels), FEATURES, ("vocals",)).eval()
    ours.load_state_dict(theirs.state_dict())
    magnitudes = torch.rand(3, n_channels, 129, 50)
    with torch.inference_mode():
        masks, logits = ours(magnitudes)
        torch.testing.assert_close(masks[:, 0] * magnitudes, theirs(magnitudes), rtol=0, atol=1e-5)
    assert logits is None


@pytest.mark.parametrize("iterations", [0, 1])
def test_a_folder_separates_as_the_published_package_does(openunmix, folder, iterations):
    theirs = openunmix.utils.load_separator(
        str(folder), targets=["drums", "vocals"], niter=iterations, residual=False
    ).eval()
    model = load(folder)
    assert model.config.targets == ("drums", "vocals")
    assert model.config.inference.wiener_iterations == 1
    # Longer than one stretch of the filter (300 frames), shorter than one segment of the network.
    mixture = 0.3 * np.random.default_rng(0).standard_normal((2, 64 * 450)).astype(np.float32)
    settings = Config.from_dict(
        {"inference": {**model.config.to_dict()["inference"], "wiener_iterations": iterations}}
    ).inference
    found = predict(model, Audio(mixture, 8000), settings=settings)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(mixture)[None])[0].numpy()
    for k, target in enumerate(("drums", "vocals")):
        # Single against double precision in the filter; without it the sums differ in the last bits.
        np.testing.assert_allclose(
            found.stems[target].samples, expected[k], atol=1e-4 if iterations else 1e-5
        )
    np.testing.assert_allclose(found.mixture().samples, mixture, atol=1e-6)


def test_a_loaded_folder_can_be_kept_as_a_checkpoint_of_mirkit(folder, tmp_path):
    model = load(folder)
    model.checkpoint().save(tmp_path / "kept")
    back = load(tmp_path / "kept")
    assert back.config == model.config
    magnitudes = torch.rand(1, 2, 129, 9)
    for a, b in zip(model.parts, back.parts, strict=True):
        assert torch.equal(a.network(magnitudes)[0], b.network(magnitudes)[0])


def change_state(folder, target, change):
    path = next(folder.glob(f"{target}*.pth"))
    state = torch.load(path, weights_only=True)  # noqa: TID251
    change(state)
    path.unlink()
    torch.save(state, folder / f"{target}.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc2.weight"), "weights are missing: vocals/fc2.weight"),
        (lambda state: state.update(fc9=torch.zeros(1)), "weights are left over: vocals/fc9"),
        (lambda state: state.update({"fc2.weight": torch.zeros(2, 2)}), "vocals/fc2.weight has shape"),
        (lambda state: state.update(note="text"), "holds something else than named tensors"),
    ],
)
def test_other_weights_are_refused_by_name(folder, change, message):
    change_state(folder, "vocals", change)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


class Trap:
    """Something that a pickle could run."""

    def __reduce__(self):
        return (print, ("run",))


def test_nothing_but_tensors_is_unpickled(folder, capsys):
    torch.save({"fc1.weight": Trap()}, folder / "vocals.pth")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load(folder)
    assert capsys.readouterr().out == ""


def test_a_damaged_download_is_seen_by_its_name(folder):
    path = next(folder.glob("drums-*.pth"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="sha256 differs"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "vocals.json").unlink(), "nothing describes vocals.pth"),
        (lambda root: (root / "vocals.pth").unlink(), "wanted one file vocals.*found none"),
        (lambda root: (root / "vocals.json").write_text("{}"), "wanted args with nfft"),
        (lambda root: (root / "vocals.json").write_text("[]"), "wanted an object"),
        (lambda root: (root / "separator.json").write_text("{"), "not a JSON file of Open-Unmix"),
        (lambda root: (root / "separator.json").write_text('{"nfft": 256}'), "separator.json with nfft"),
        (
            lambda root: (root / "vocals.json").write_text(
                '{"args": {"nfft": 512, "nb_channels": 2, "hidden_size": 16}}'
            ),
            "nfft or nb_channels differ",
        ),
        *(
            (lambda root, text=text: (root / "vocals.json").write_text(text), "wanted args with nfft")
            for text in ('{"args": {"nfft": 256, "bandwidth": 1e999}}', '{"args": {"nfft": null}}')
        ),
        (
            lambda root: (root / "separator.json").write_text(
                '{"nfft": 256, "nhop": 64, "sample_rate": 1e-320, "nb_channels": 2}'
            ),
            "wanted args with nfft",
        ),
        (lambda root: [path.unlink() for path in root.glob("[dv]*")], "there is no target"),
    ],
)
def test_incomplete_folders_are_refused(folder, change, message):
    change(folder)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


def test_public_weights_are_listed_with_their_terms_and_verified_offline(folder):
    from click.testing import CliRunner

    from mirkit.cli import root

    def run(*arguments, code=0):
        result = CliRunner().invoke(root, ["models", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result

    entries = {entry["model"]: entry for entry in json.loads(run("list", "--json").stdout)}
    assert entries["umxl"]["licence"].startswith("CC BY-NC-SA")
    assert "umxhq" in run("list").stdout
    text = run("show", "umxhq").stdout
    for part in ("MIT", "https://zenodo.org/records/3370489/files/vocals-b62c91ce.pth", '"hidden_size": 512'):
        assert part in text
    assert json.loads(run("verify", folder, "--json").stdout)["results"][0]["targets"] == ["drums", "vocals"]
    path = next(folder.glob("drums-*.pth"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "sha256 differs" in run("verify", folder, code=1).stderr
