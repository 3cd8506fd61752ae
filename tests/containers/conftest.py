"""One project in containers for all tests here; what each service logged is told on a failure."""

from collections.abc import Generator, Iterator

import pytest
from tests.containers.images import built
from tests.containers.project import SERVICES, Project
from tests.containers.running import running
from tests.folder import state_folder
from tests.packages import CONTAINERS

from mailstack.demo.internet import small_internet
from mailstack.install import programs

_TAIL = 30
_PROJECT = pytest.StashKey[Project]()


@pytest.fixture(scope="session")
def shared_project() -> Iterator[Project]:
    """The project behind ``stack``, which is healthy when a test gets it."""
    if lacking := [name for name in CONTAINERS if not programs.is_found(name)]:
        pytest.skip(f"needs the programs {' '.join(lacking)}")
    tag = built()
    with (
        state_folder() as folder,
        state_folder() as outside,
        small_internet(outside) as internet,
        running(folder, internet, tag) as project,
    ):
        yield project


@pytest.fixture
def stack(shared_project: Project, request: pytest.FixtureRequest) -> Project:
    """A running project. Leave it as it was, apart from users and domains of your own."""
    request.node.stash[_PROJECT] = shared_project
    return shared_project


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the ends of the services' logs to a failure."""
    report = yield
    if report.failed and _PROJECT in item.stash:
        for name in SERVICES:
            lines = item.stash[_PROJECT].log(name).splitlines()
            report.sections.append((f"{name} logged", "\n".join(lines[-_TAIL:])))
    return report
