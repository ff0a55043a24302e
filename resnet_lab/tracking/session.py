"""Several of mlflow's calls in one session of its local store: cheaper, and otherwise the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient


@contextmanager
def one_session(client: "MlflowClient") -> Iterator[None]:
    """Let the calls within the block share one session where the store is SQLite; each is committed by itself.

    mlflow opens some twenty sessions to end a trial, each with settings of its own, and asks for the run in each. A
    store of another kind, or of a version that makes its sessions elsewhere, works as ever.
    """
    store: Any = getattr(getattr(client, "_tracking_client", None), "store", None)
    make = getattr(store, "ManagedSessionMaker", None)
    if make is None or getattr(store, "db_type", None) != "sqlite":
        yield
        return
    with make(read_only=False) as session:
        store.ManagedSessionMaker = partial(_shared, session)
        try:
            yield
        finally:
            store.ManagedSessionMaker = make


@contextmanager
def _shared(session: Any, read_only: bool = True) -> Iterator[Any]:  # noqa: ARG001  # as mlflow calls it
    yield session
    session.commit()
