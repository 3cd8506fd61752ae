"""docs/reference/cli.md, from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from mailstack.cli.app import app
from mailstack.generate.markdown import code, page, table

_ABOUT = """\
`./mailstack` in the repository starts the same program. `--config`, `--state` and `--set` may stand
before or after the command. Exit codes: 0 done; 1 it failed, and one line on standard error says
what, why and what to do; 2 wrong usage; 130 interrupted.
`mailstack --install-completion` teaches the shell to complete commands, domains and addresses.
"""


def cli_page() -> str:
    """Every command with its arguments, options and examples."""
    root = typer.main.get_command(app)
    return page(
        "Command line", "src/mailstack/cli/commands/", _ABOUT, *_sections(root, "mailstack")
    )


def _sections(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - typer's classes are private
    context = typer.Context(command, info_name=path)
    inner = getattr(command, "commands", {})
    if not inner or path == "mailstack":
        yield f"## {path}\n"
        yield f"{command.help.strip()}\n"
        yield f"```\n{_usage(command, context)}\n```\n"
        yield from _parameters(command)
        yield from _examples(command)
    for name in inner:
        yield from _sections(inner[name], f"{path} {name}")


def _usage(command: Any, context: typer.Context) -> str:  # noqa: ANN401
    # typer puts what is required into braces; everybody else leaves it bare
    pieces = [piece.strip("{}") for piece in command.collect_usage_pieces(context)]
    return " ".join([context.info_name or "", *pieces])


def _parameters(command: Any) -> Iterator[str]:  # noqa: ANN401
    rows = [
        (code(_spelling(p)), p.help or "")
        for p in command.params
        if not p.hidden and "--help" not in p.opts
    ]
    if rows:
        yield table(("Argument or option", "Meaning"), rows)


def _spelling(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    value = f" {parameter.metavar}" if parameter.metavar else ""
    return ", ".join(parameter.opts + parameter.secondary_opts) + value


def _examples(command: Any) -> Iterator[str]:  # noqa: ANN401
    if command.epilog and command.epilog.startswith("mailstack"):
        yield f"```\n{command.epilog.strip()}\n```\n"
