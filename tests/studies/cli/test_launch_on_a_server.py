"""A study on four simulated nodes whose books are on an MLflow server: the rows are those of a database of its own."""

import contextlib
from collections import Counter

import pytest

from benchmarks.harness.simulated_cluster import SimulatedFleet
from benchmarks.harness.tracking_servers import MissingError, mlflow_server, postgresql
from resnet_lab.tracking import Tracker, read_runs
from studies.bn_placement import STUDY
from studies.cli.launch import StudyLaunch
from studies.modes.mode import make_mode
from studies.plan.options import Options
from studies.plan.plan import make_plan

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        launch(out)
        return rows(out)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_server_has_the_rows_of_a_database(tmp_path, monkeypatch, expected, database):
    with contextlib.ExitStack() as stack:
        try:
            uri = stack.enter_context(postgresql()) if database == "postgresql" else f"sqlite:///{tmp_path}/server.db"
        except MissingError as error:
            pytest.skip(str(error))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.enter_context(mlflow_server(tmp_path, uri)))
        launch(tmp_path)
        assert rows(tmp_path) == expected
        launch(tmp_path)
        assert rows(tmp_path) == expected, "what is there is not entered again"


def launch(out):
    """Run four arms of four seeds on four nodes of two trials each."""
    options = Options(out=out, seeds=(0, 1, 2, 3), assignments=("model.depth=8",))
    plan = make_plan(STUDY, options)
    mode = make_mode(plan, options)
    fleet = lambda **arguments: SimulatedFleet(4, **arguments)  # noqa: E731
    StudyLaunch(plan=plan, options=options, mode=mode, device="cpu", jobs=2, make_executor=fleet).run()


def rows(out):
    """Return whose runs there are, how many of each kind, and how many records of each metric."""
    runs = read_runs(out, STUDY.name)
    tracker = Tracker.open(out, STUDY.name)
    points = Counter(
        (name, len(tracker.client.get_metric_history(run["run_id"], name))) for run in runs for name in run["metrics"]
    )
    kinds = Counter((run["status"], len(run["params"]), frozenset(run["metrics"])) for run in runs)
    return {run["tags"]["trial"] for run in runs}, kinds, points
