"""``mailstack render kubernetes|compose|cluster``: the same stack for another engine."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mailstack.cli import render
from mailstack.cli.app import invocation

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Write the files that run the stack elsewhere; running it twice changes nothing.",
)

Out: TypeAlias = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="The folder to write; what else is in it stays."),
]


@app.command(epilog="mailstack render kubernetes --out deploy && kubectl apply -k deploy")
def kubernetes(context: typer.Context, *, out: Out) -> None:
    """Write a kustomize folder: workloads, Services, policies, settings, and secrets once."""
    render.kubernetes(invocation(context), out)


@app.command(
    epilog="mailstack render compose --out deploy && podman-compose -f deploy/compose.yaml up"
)
def compose(context: typer.Context, *, out: Out) -> None:
    """Write a compose file for podman or docker, a network for each pair that is linked."""
    render.compose(invocation(context), out)


@app.command(epilog="mailstack render cluster --out cluster && cluster/gcloud.sh")
def cluster(context: typer.Context, *, out: Out) -> None:
    """Write scripts and Terraform that make a one-node cluster, by project, region and zone."""
    render.cluster(invocation(context), out)
