"""Old names of modules go on working, and say where the new ones are."""

import importlib
import sys

import pytest

from aigc_lib._moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_module_has_what_the_new_ones_have(old):
    with pytest.warns(DeprecationWarning, match=rf"aigc_lib\.{old} is now aigc_lib\."):
        module = importlib.import_module(f"aigc_lib.{old}")
    for home in MOVED[old]:
        new = importlib.import_module(f"aigc_lib.{home}")
        for name in vars(new):
            if not name.startswith("_"):
                assert hasattr(module, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name
    del sys.modules[f"aigc_lib.{old}"]  # whoever imports it later is warned again


def test_what_was_never_there_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("aigc_lib.models.no_such_model")
