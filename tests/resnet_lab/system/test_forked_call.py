"""Asking another process: answers come back, mistakes and deaths are told."""

import os

import pytest

from resnet_lab.system.forked_call import submit


def test_an_answer_comes_back_from_another_process():
    pid = submit(os.path.abspath, ".").result(60)
    assert pid == os.path.abspath(".")


def test_a_process_that_dies_is_an_error():
    with pytest.raises(RuntimeError, match="_exit ended without an answer"):
        submit(os._exit, 3).result(60)
