"""What mail does on one machine, it does in containers: the same tests, on another ``stack``."""

from collections.abc import Callable, Mapping
from inspect import getmembers, isfunction
from types import ModuleType


def scenarios(*modules: ModuleType) -> Mapping[str, Callable[..., None]]:
    """Return the tests that these modules define, each under a name that says whose it is."""
    return {
        f"test_{module.__name__.rpartition('test_')[2]}_{name.removeprefix('test_')}": function
        for module in modules
        for name, function in getmembers(module, isfunction)
        if name.startswith("test_") and function.__module__ == module.__name__
    }
