"""The command ``mirkit``: parses, calls one public function, writes, prints one line.

Exit codes: 0 all done, 1 at least one input failed, 2 wrong usage, 130 interrupted. Results go to files
or stdout, messages and progress to stderr.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

import click

import mirkit
from mirkit.errors import MirkitError

COMMANDS = {
    "activity": "Which instruments play when.",
    "separation": "A mixture into its instruments.",
    "sampling": "Where a sample occurs in songs.",
    "assessment": "How well a melody was played.",
    "data": "Data sets: list, validate, split, annotate, synthesize, tracker.",
    "models": "Models, bundled and public: list, show, verify.",
    "report": "Results as one HTML page to listen to.",
    "demo": "Every task on the bundled recordings, as one HTML page.",
    "doctor": "What is installed, and what is missing.",
}
"""Name to help line; the modules are imported only when the command is used."""

VERBS = {
    "predict": ("activity", "separation", "sampling", "assessment"),
    "train": ("activity", "separation", "sampling", "assessment"),
    "evaluate": ("activity", "separation", "sampling", "assessment"),
    "plot": ("activity", "separation", "sampling", "assessment"),
    "compare": ("activity", "separation"),
    "index": ("sampling",),
    "search": ("sampling",),
    "synthesize": ("data", "sampling", "assessment"),
    "validate": ("data",),
    "split": ("data",),
    "annotate": ("data",),
    "list": ("data", "models"),
    "show": ("models",),
    "verify": ("models",),
}
"""Commands of groups, for those who leave out the group."""


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, importing its module; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mirkit.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return what `click.Group` does; of an unknown command, tell what may have been meant."""
        name = args[0]
        if name in COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if name in VERBS:
            meant = " or ".join(f"'mirkit {group} {name}'" for group in VERBS[name])
            told = f"Did you mean {meant}?"
        else:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            told = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(COMMANDS)}."
        raise click.UsageError(f"No such command {name!r}. {told}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mirkit.__version__, message="mirkit %(version)s")
def root() -> None:
    """Hear what happens in recordings of music: stems, instruments, samples, performances.

    'mirkit demo' shows everything on bundled recordings, 'mirkit COMMAND --help' explains a command.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    # Threads of torch that wait for one another would burn the very time that the others need: where other
    # programs work, too, a separation took seven times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = root.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except MirkitError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone; nothing is left to say to it.
        sys.stdout = None
        code = 1
    except (
        OSError
    ) as error:  # a full disk, a folder that cannot be written: nothing that a traceback explains
        if error.filename is None:
            raise
        click.echo(f"error: {error.filename}: {(error.strerror or str(error)).lower()}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
