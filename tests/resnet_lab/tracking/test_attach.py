"""Files of an analysis in MLflow: in a run of their own, or one line that says why not."""

import pytest

from resnet_lab.tracking import Tracker, log_files


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a\n1\n")
    return path


def test_files_and_figures_of_a_bare_checkpoint_get_a_run_of_their_own(store_folder, table):
    line = log_files(
        [table],
        out=store_folder,
        run_id=None,
        kind="evaluation",
        name="net",
        params={"images": 40},
        metrics={"accuracy": 91.73},
    )
    tracker = Tracker.open(store_folder, "evaluation")
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert line == f"MLflow: run {run.info.run_id}, experiment evaluation"
    assert (run.info.run_name, run.info.status) == ("net", "FINISHED")
    assert (run.data.params["images"], run.data.metrics["accuracy"]) == ("40", 91.73)
    assert [file.path for file in tracker.client.list_artifacts(run.info.run_id)] == ["table.csv"]


def test_a_store_that_does_not_answer_costs_a_line_and_nothing_else(tmp_path, table, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    line = log_files([table], out=tmp_path, run_id=None, kind="lesions", name="net", params={})
    assert line.startswith("not in MLflow: MLflow could not open http://127.0.0.1:9")
    assert "\n" not in line
    assert table.exists()
