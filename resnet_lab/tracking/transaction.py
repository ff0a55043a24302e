"""One database transaction for several of mlflow's calls on its local store: cheaper, and otherwise the same."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient


@contextmanager
def one_transaction(client: "MlflowClient") -> Iterator[None]:
    """Let the calls within the block share one session where the store is SQLite; they are committed at its end.

    What was written before a call that fails is committed too, as it would be call by call. mlflow opens some twenty
    sessions to end a trial, each with settings of its own, and asks for the run in each. A store of another kind, or
    of a version that makes its sessions elsewhere, works as before.
    """
    store: Any = getattr(getattr(client, "_tracking_client", None), "store", None)
    make = getattr(store, "ManagedSessionMaker", None)
    if make is None or getattr(store, "db_type", None) != "sqlite":
        yield
        return
    with make(read_only=False) as session:
        session.expire_on_commit = False  # no other process writes these runs: nothing need be read again
        store.ManagedSessionMaker = partial(_shared, session)
        try:
            yield
        except BaseException:
            _commit(session)
            raise
        finally:
            store.ManagedSessionMaker = make


def _commit(session: Any) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    with suppress(SQLAlchemyError):  # it may be the database that failed
        session.commit()


@contextmanager
def _shared(session: Any, read_only: bool = True) -> Iterator[Any]:  # noqa: ARG001  # as mlflow calls it
    yield session
    session.flush()
