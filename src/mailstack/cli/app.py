"""The tree of commands, and the options that belong to all of them.

Each command is a module that is imported when it is called (or when help or completion lists it):
``mailstack user add`` must not wait for what only ``mailstack up`` needs.
"""

import os
from collections import UserDict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mailstack import __version__
from mailstack.cli.invocation import DEFAULT_CONFIG, DEFAULT_STATE, Invocation

START, STACK, MAIL, DATA = "Start here", "The stack", "Mail", "Data"
DEPLOY = "Containers"

COMMANDS = {
    "demo": (START, "mailstack.cli.commands.demo"),
    "init": (START, "mailstack.cli.commands.init"),
    "up": (STACK, "mailstack.cli.commands.up"),
    "status": (STACK, "mailstack.cli.commands.status"),
    "doctor": (STACK, "mailstack.cli.commands.doctor"),
    "down": (STACK, "mailstack.cli.commands.down"),
    "run": (STACK, "mailstack.cli.commands.run"),
    "domain": (MAIL, "mailstack.cli.commands.domain"),
    "user": (MAIL, "mailstack.cli.commands.user"),
    "alias": (MAIL, "mailstack.cli.commands.alias"),
    "sieve": (MAIL, "mailstack.cli.commands.sieve"),
    "spam": (MAIL, "mailstack.cli.commands.spam"),
    "train": (MAIL, "mailstack.cli.commands.train"),
    "dkim": (MAIL, "mailstack.cli.commands.dkim"),
    "dns": (MAIL, "mailstack.cli.commands.dns"),
    "reports": (MAIL, "mailstack.cli.commands.reports"),
    "certificate": (MAIL, "mailstack.cli.commands.certificate"),
    "images": (DEPLOY, "mailstack.cli.commands.images"),
    "render": (DEPLOY, "mailstack.cli.commands.render"),
    "secrets": (DEPLOY, "mailstack.cli.commands.secrets"),
    "topology": (DEPLOY, "mailstack.cli.commands.topology"),
    "probe": (DEPLOY, "mailstack.cli.commands.probe"),
    "drain": (DEPLOY, "mailstack.cli.commands.drain"),
    "backup": (DATA, "mailstack.cli.commands.backup"),
    "export": (DATA, "mailstack.cli.commands.export"),
    "import": (DATA, "mailstack.cli.commands.import_"),
}
"""Name of the command → its part of the help, and the module whose ``app`` it is."""


class _Commands(UserDict[str, Any]):
    """Looks like a dict of commands; the values are built when they are asked for."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's command class is private
        panel, module = self.data[name]
        command: Any = typer.main.get_command(import_module(module).app)
        command.name, command.rich_help_panel = name, panel
        return command


class LazyGroup(TyperGroup):
    """A group that knows the names of its commands, and imports the one that is used."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - handed through
        super().__init__(**attributes)
        self.commands = _Commands(COMMANDS)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--config, --state and --set may stand before or after the command.",
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the shape of an option's callback
    if wanted:
        typer.echo(f"mailstack {__version__}")
        raise typer.Exit


@app.callback()
def globals_(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option(metavar="FILE", envvar="MAILSTACK_CONFIG", help="The settings file.")
    ] = DEFAULT_CONFIG,
    state: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            envvar="MAILSTACK_STATE",
            help="The folder that holds everything the stack writes.",
        ),
    ] = DEFAULT_STATE,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="One setting over the file, e.g. greylist.delay=60."
        ),
    ] = None,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version, and exit."
        ),
    ] = False,
) -> None:
    """Postfix, Dovecot, SpamAssassin, OpenDKIM and Postgrey as one mail system."""
    # abspath drops "..", which absolute() keeps; resolve() would replace links of the owner's
    whole = Path(os.path.abspath(state))  # noqa: PTH100
    context.obj = Invocation(config, whole, tuple(sets or ()))


def invocation(context: typer.Context) -> Invocation:
    """What the global options of this run said."""
    found = context.find_object(Invocation)
    if found is None:
        raise LookupError("no command runs outside the group that sets its Invocation")
    return found
