"""The token of a Ray cluster: made for this user alone, never read by others, missed where a cluster asks for it."""

import os
import stat

import pytest

from resnet_lab.errors import UserError
from resnet_lab.runner.fleet.ray_cluster import MODE, TOKEN, TOKEN_PATH, require_token


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv(MODE, "token")
    monkeypatch.delenv(TOKEN, raising=False)
    monkeypatch.setenv(TOKEN_PATH, str(tmp_path / "ray" / "auth_token"))
    return tmp_path / "ray" / "auth_token"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_that_is_made_is_this_users_alone(path):
    before = os.umask(0)
    try:
        require_token(make=True)
    finally:
        os.umask(before)
    assert (mode_of(path), mode_of(path.parent), len(path.read_text())) == (0o600, 0o700, 64)
    made = path.read_text()
    require_token(make=True)
    assert path.read_text() == made


def test_a_token_that_ray_made_for_everybody_to_read_is_closed(path):
    path.parent.mkdir()
    path.write_text("of ray")
    path.chmod(0o644)
    require_token(make=False)
    assert (mode_of(path), path.read_text()) == (0o600, "of ray")


def test_a_cluster_elsewhere_needs_its_own_token(path, monkeypatch):
    with pytest.raises(UserError, match="copy the cluster's there, or set RAY_AUTH_MODE=disabled"):
        require_token(make=False)
    assert not path.exists()
    monkeypatch.setenv(TOKEN, "given")
    require_token(make=False)
    monkeypatch.delenv(TOKEN)
    monkeypatch.setenv(MODE, "disabled")
    require_token(make=False)
