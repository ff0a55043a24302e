"""Saved views, runs that leave nothing to see, figures without false digits, and a folder that was moved."""

import json
import shutil

from resnet_lab.tracking import Tracker


def tags_of(tracker):
    return tracker.client.get_experiment(tracker.experiment_id).tags


def test_the_views_and_the_note_are_tags_of_the_experiment(tracker):
    tracker.describe("**Does it?**")
    tags = tags_of(tracker)
    assert tags["mlflow.note.content"] == "**Does it?**"
    arms, curves = (json.loads(tags[f"mlflow.sharedViewState.{key}"]) for key in ("arms", "curves"))
    assert (arms["name"], curves["name"]) == ("arms", "curves: mean over seeds")
    assert json.loads(arms["state"])["searchFilter"] == "tags.kind = 'arm'"
    grouped = json.loads(curves["state"])["groupBy"]
    assert grouped["aggregateFunction"] == "average"
    assert [key["groupByData"] for key in grouped["groupByKeys"]] == ["arm", "context"]


def test_new_arms_of_a_report_take_the_place_of_its_old_ones(tracker):
    launch = tracker.start_launch("launch", {}, {})
    for report in ("one", "two"):
        launch.log_arm("norm=after", {}, {"mean": 17.708333333}, {"report": report, "arm": "norm=after"})
    launch.discard_arms("one")
    (kept,) = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'arm'")
    assert kept.data.tags["report"] == "two"
    assert kept.data.metrics["mean"] == 17.708


def test_a_trial_that_logged_nothing_is_discarded_with_its_dead_driver(tracker):
    launch = tracker.start_launch("launch", {}, {})
    launch.start_trial("a-seed0", {}, {})
    launch.start_trial("b-seed0", {}, {}).log_epochs([{"epoch": 1, "val/error": 17.70833333}])
    tracker.close_stale()
    trials = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'trial'")
    assert [run.data.tags["trial"] for run in trials] == ["b-seed0"]
    assert trials[0].data.metrics["val/error"] == 17.708


def test_a_folder_that_was_moved_finds_its_artifacts(tracker, out, tmp_path):
    launch = tracker.start_launch("launch", {}, {})
    file = tmp_path / "note.txt"
    file.write_text("here")
    launch.log_files([file])
    moved = tmp_path / "moved"
    shutil.move(out, moved)
    again = Tracker.open(moved, "bn_placement")
    assert [each.path for each in again.client.list_artifacts(launch.run_id)] == ["note.txt"]
    assert again.client.get_run(launch.run_id).info.artifact_uri.startswith(moved.absolute().as_uri())
