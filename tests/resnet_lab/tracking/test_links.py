"""Links to MLflow's UI: the command, the sorted table, and no password in either."""

import shlex

from resnet_lab.tracking.links import deep_link, run_link, ui_command, view_link


def test_the_command_survives_a_space_in_the_path() -> None:
    words = shlex.split(ui_command("sqlite:////home/a b/mlflow.db"))
    assert words[0].endswith("mlflow")
    assert words[1:4] == ["ui", "--backend-store-uri", "sqlite:////home/a b/mlflow.db"]
    assert words[4:] == ["--host", "127.0.0.1", "--port", "5000"]


def test_a_server_needs_no_command_and_is_linked_itself() -> None:
    assert ui_command("https://mlflow.example.org/") == ""
    link = deep_link("https://mlflow.example.org/lab/", "7")
    assert link.startswith("https://mlflow.example.org/lab/#/experiments/7/runs?")


def test_neither_shows_a_password() -> None:
    assert '--backend-store-uri "$MLFLOW_TRACKING_URI"' in ui_command("postgresql://me:secret@host/mlflow")
    assert deep_link("http://me:secret@host:80", "1").startswith("http://host:80/#/")


def test_the_link_opens_the_table_sorted_by_test_error() -> None:
    assert deep_link("sqlite:////runs/mlflow.db", "3") == (
        "http://127.0.0.1:5000/#/experiments/3/runs?workflowType=machine_learning"
        "&orderByKey=metrics.%60test%2Ferror%60&orderByAsc=true&compareRunsMode=TABLE"
    )


def test_the_link_to_a_run_is_under_its_experiment() -> None:
    local = run_link("sqlite:////runs/mlflow.db", "3", "ab12")
    assert local == "http://127.0.0.1:5000/#/experiments/3/runs/ab12?workflowType=machine_learning"
    assert run_link("https://me:secret@host/lab/", "3", "ab12").startswith(
        "https://host/lab/#/experiments/3/runs/ab12?"
    )


def test_the_link_to_a_view_has_no_order_of_its_own_which_would_switch_it_off() -> None:
    link = view_link("sqlite:////runs/mlflow.db", "3", "arms")
    assert link.endswith("/runs?workflowType=machine_learning&viewStateShareKey=arms&compareRunsMode=TABLE")
    assert "order" not in view_link("sqlite:////runs/mlflow.db", "3", "curves", chart=True)
