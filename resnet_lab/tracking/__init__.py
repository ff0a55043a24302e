"""MLflow tracking: an experiment is a study, a parent run one launch, a child run one trial.

Importing this loads no mlflow; opening a `Tracker` or reading runs does. Only the driver and analyses write.
"""

from resnet_lab.tracking.attach import log_files, trial_of_run
from resnet_lab.tracking.client import TrackingError, load_client
from resnet_lab.tracking.launch_run import LaunchRun
from resnet_lab.tracking.reading import read_runs
from resnet_lab.tracking.tracker import Tracker
from resnet_lab.tracking.trial_run import MAX_TAG_LENGTH, DatasetRecord, TrialRun

__all__ = [
    "MAX_TAG_LENGTH",
    "DatasetRecord",
    "LaunchRun",
    "Tracker",
    "TrackingError",
    "TrialRun",
    "load_client",
    "log_files",
    "read_runs",
    "trial_of_run",
]
