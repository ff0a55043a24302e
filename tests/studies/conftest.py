"""Fixtures of tests/studies/driven.py, in the output folder of the test."""

import functools

import pytest

from tests.studies import driven


@pytest.fixture
def drive(store_folder):
    return functools.partial(driven.drive, store_folder)


@pytest.fixture
def go(store_folder):
    return functools.partial(driven.go, store_folder)


@pytest.fixture
def reported(store_folder):
    return functools.partial(driven.reported, store_folder)
