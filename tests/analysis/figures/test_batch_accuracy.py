"""Training accuracy by mini-batch: a point each, or means of several where a line would have too many."""

from analysis.comparison.arms import summarise
from analysis.figures import batch_accuracy
from analysis.figures.batch_accuracy import batch_data, plot_batches
from analysis.stats.intervals import t_interval

RUNS = [
    {"arm": arm, "seed": seed, "trial": f"{arm}{seed}", "status": "complete", "test/error": 5.0 + seed}
    for arm in "ab"
    for seed in (0, 1)
]
ROWS = summarise(RUNS, arm=("arm",), context=(), baseline={"arm": "a"})


def lines(first, second):
    return [{"epoch": 1, "train/batch_accuracy": first}, {"epoch": 2, "train/batch_accuracy": second}]


RECORDS = {"a0": lines([10.0, 20.0], [30.0, 40.0]), "a1": lines([20.0, 30.0], [40.0, 60.0])}


def test_a_point_is_a_mini_batch_over_the_seeds_that_recorded_it():
    frame, width = batch_data(RUNS, RECORDS, ROWS)
    assert width == 1
    assert frame["arm"].tolist() == ["a"] * 4
    assert frame["iteration"].tolist() == [1, 2, 3, 4]
    assert frame["mean"].tolist() == [15.0, 25.0, 35.0, 50.0]
    assert frame["high"].tolist()[3] == t_interval([40.0, 60.0]).high


def test_more_mini_batches_than_points_are_averaged_and_the_caption_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(batch_accuracy, "MAX_POINTS", 2)
    frame, width = batch_data(RUNS, RECORDS, ROWS)
    assert width == 2
    assert frame["iteration"].tolist() == [2, 4]
    assert frame["mean"].tolist() == [20.0, 42.5]
    _, svg, csv = plot_batches(RUNS, RECORDS, ROWS, out=tmp_path / "batches")
    assert "means of 2 mini-batches" in svg.read_text()
    assert csv.read_text().startswith("arm,iteration,n,mean,low,high,min,max\n")


def test_without_a_record_there_is_no_figure(tmp_path):
    assert plot_batches(RUNS, {}, ROWS, out=tmp_path / "batches") == []
