"""Calls in a forked process: results come back, errors and deaths are reported."""

import importlib
import os

import pytest

from resnet_lab.errors import UserError
from resnet_lab.system.forked_call import submit


def test_a_result_comes_back_from_another_process():
    pid = submit(os.path.abspath, ".").result(60)
    assert pid == os.path.abspath(".")


def test_a_process_that_dies_is_an_error():
    with pytest.raises(RuntimeError, match="_exit ended without an answer"):
        submit(os._exit, 3).result(60)


def test_any_number_of_arguments_is_passed_on():
    assert submit(os.path.join, "a", "b", "c").result(60) == os.path.join("a", "b", "c")
    assert submit(int, "ff", base=16).result(60) == 255


def test_a_library_that_cannot_be_loaded_is_one_sentence():
    with pytest.raises(UserError, match=r"No module named 'no_such_library': is the memory limited"):
        submit(importlib.import_module, "no_such_library").result(60)
