"""``mailstack images``: build the container images, or write their Containerfiles."""

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mailstack import __version__
from mailstack.cli.options import AsJson
from mailstack.cli.output import say, say_json
from mailstack.deploy.images.bases import BASES, Base
from mailstack.deploy.images.build import Build, find_builder
from mailstack.deploy.images.containerfile import containerfile
from mailstack.errors import ConfigError
from mailstack.topology.model import Service
from mailstack.topology.stack import STACK

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Container images, one for each service."
)


def _names() -> list[str]:
    return [service.name for service in STACK.services]


Names: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SERVICE]…", help="Only these; all, if none.", autocompletion=_names),
]
BaseName: TypeAlias = Annotated[
    str, typer.Option("--base", help=f"What to build on: {' or '.join(BASES)}.")
]


@app.command(epilog="mailstack images build --base debian postfix dovecot")
def build(
    services: Names = None,
    *,
    base: BaseName = "debian",
    base_image: Annotated[
        str, typer.Option(help="Another image of that distribution, e.g. by its digest.")
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Before the service's name in the image's.")
    ] = "localhost/mailstack",
    tag: Annotated[str, typer.Option(help="Behind it.")] = __version__,
    builder: Annotated[
        str, typer.Option(help="podman, buildah or docker; the first that is installed, if unset.")
    ] = "",
    network: Annotated[
        str, typer.Option(help="Network of the build, e.g. host; the builder's own, if unset.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Build images from this checkout."""
    how = Build(find_builder(builder), _base(base), base_image, network)
    built = []
    for service in _chosen(services):
        if not as_json:
            say(f"{service.name}: building …")
        built.append(how.run(service, f"{prefix}/{service.name}:{tag}"))
        if not as_json:
            say(f"{service.name}: {built[-1].image}")
    if as_json:
        say_json([{"service": one.service, "image": one.image} for one in built])


@app.command(epilog="mailstack images containerfiles --base alpine --out containers")
def containerfiles(
    services: Names = None,
    *,
    base: BaseName = "debian",
    out: Annotated[Path, typer.Option(help="Folder to write to; one folder a service in it.")],
) -> None:
    """Write the Containerfiles, for a builder of your own."""
    chosen, on = _chosen(services), _base(base)
    for service in chosen:
        file = out / service.name / "Containerfile"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(containerfile(service, on))
    say(f"wrote {len(chosen)} Containerfiles below {out}")


def _chosen(names: list[str] | None) -> list[Service]:
    known = {service.name: service for service in STACK.services}
    for name in names or ():
        if name not in known:
            raise _unknown("service", name, known)
    return [known[name] for name in names or known]


def _base(name: str) -> Base:
    if name not in BASES:
        raise _unknown("base", name, BASES)
    return BASES[name]


def _unknown(kind: str, name: str, known: Collection[str]) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"
    return ConfigError(f"there is no {kind} {name!r}", advice=advice)
