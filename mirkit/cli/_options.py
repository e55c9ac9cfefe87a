"""Options and behaviour that all commands share."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from mirkit.errors import ParameterError
from mirkit.parallel import Shard

if TYPE_CHECKING:
    from mirkit.parallel import Outcome, Progress

Command = TypeVar("Command", bound=Callable[..., Any])
Existing = Literal["error", "skip", "overwrite"]
ProgressStyle = Literal["auto", "plain", "none"]

inputs = click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
as_json = click.option("--json", "as_json", is_flag=True, help="Print one machine-readable object.")
device = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)
existing = click.option(
    "--existing",
    type=click.Choice(["error", "skip", "overwrite"]),
    default="error",
    show_default=True,
    help="What to do where output is already there.",
)
recursive = click.option("--recursive", is_flag=True, help="Search folders within folders, too.")
seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
progress = click.option(
    "--progress",
    type=click.Choice(["auto", "plain", "none"]),
    default="auto",
    show_default=True,
    help="Bar on a terminal, lines, or nothing; on stderr.",
)


class _Names(click.ParamType):  # type: ignore[type-arg]  # a generic only in click's newer stubs
    """Names separated by commas."""

    name = "NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:  # noqa: ARG002  # click's signature
        """Return the names."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())


NAMES = _Names()


class _ShardOption(click.ParamType):  # type: ignore[type-arg]  # a generic only in click's newer stubs
    """One part of several, as in 3/8."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> Shard:
        """Return the part."""
        if isinstance(value, Shard):
            return value
        i, _, n = value.partition("/")
        if not (i.isdecimal() and n.isdecimal()):
            self.fail(f"{value!r}: give the part and the number of parts, such as 3/8", param, ctx)
        try:
            return Shard(int(i), int(n))
        except ParameterError as error:
            self.fail(str(error), param, ctx)


shard = click.option(
    "--shard",
    type=_ShardOption(),
    help="Take only every n-th input, from the i-th (1 to n) on: for arrays of jobs.",
)


def output(default: str) -> Callable[[Command], Command]:
    """Return the option ``-o`` with a default folder."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), default=Path(default), show_default=True,
        help="Folder for the results.",
    )  # fmt: skip


def parallel(command: Command) -> Command:
    """Add ``--jobs`` and ``--backend``."""
    jobs = click.option(
        "--jobs", "n_jobs", type=click.IntRange(min=1), default=1, show_default=True,
        help="Inputs at a time, one thread each.",
    )  # fmt: skip
    backend = click.option(
        "--backend", type=click.Choice(["loky", "dask", "ray"]), default="loky", show_default=True,
        help="Where the jobs run.",
    )  # fmt: skip
    return jobs(backend(command))


def shown(style: ProgressStyle) -> bool:
    """Return whether progress is to be shown: always as lines, as a bar on a terminal only."""
    return style == "plain" or (style == "auto" and sys.stderr.isatty())


def reporter(style: ProgressStyle, label: str) -> Progress | None:
    """Return a progress function for stderr, or None."""
    if not shown(style):
        return None
    if style == "plain":
        return _Lines(label)
    from tqdm import tqdm

    bar = tqdm(desc=label, file=sys.stderr, leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show


class _Lines:
    """Progress as lines with the time left, at most one a second, for logs."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._start = time.monotonic()
        self._last = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._last <= 1.0:
            return
        self._last = now
        left_s = (now - self._start) * (total - done) / done if done else 0.0
        left = f", {_clock(left_s)} left" if 0 < done < total else ""
        click.echo(f"{self._label}: {done} of {total}{left}", err=True)


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds as a person writes them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def finish(
    outcomes: Sequence[Outcome[Any, Any]],
    *,
    as_json: bool,
    line: Callable[[Any], str] | None,
    entry: Callable[[Any], Any],
    more: Mapping[str, Any] | None = None,
    noun: str = "inputs",
    lacking: Callable[[Any], Sequence[str]] | None = None,
) -> None:
    """Print what was done and what failed, and leave with exit code 1 if anything failed.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One for each input.
    as_json : bool
        One object on stdout instead of lines.
    line : callable, optional
        Result to a line of text; no lines if None.
    entry : callable
        Result to plain values for JSON.
    more : mapping, optional
        What else the object of JSON holds, beside ``results`` and ``failures``.
    noun : str
        What the inputs are.
    lacking : callable, optional
        Result to the errors of what it lacks: those are failures, too.
    """
    done = [outcome for outcome in outcomes if outcome.error is None]
    failures = [(outcome.item, outcome.error) for outcome in outcomes if outcome.error is not None]
    n_failed = len(failures)
    lacks = [] if lacking is None else [(one.item, texts) for one in done if (texts := lacking(one.result))]
    failures += [(item, text) for item, texts in lacks for text in texts]
    if as_json:
        results = [entry(outcome.result) for outcome in done]
        listed = [{"input": str(item), "error": text} for item, text in failures]
        content = {"results": results, "failures": listed, **(more or {})}
        click.echo(json.dumps(content, indent=1, ensure_ascii=False))
    elif line is not None:
        for outcome in done:
            click.echo(line(outcome.result))
    for _, text in failures:
        click.echo(f"error: {text}", err=True)
    if failures:
        told = f"{n_failed} of {len(outcomes)} {noun} failed"
        if lacks:
            told += f", {len(lacks)} are incomplete: run again with --existing skip when the sounds are there"
        click.echo(told, err=True)
        raise click.exceptions.Exit(1)
