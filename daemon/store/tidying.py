"""What nobody asks for any more leaves the store: old runs with their jobs, resolved failures, histories of pairs. And
what a worker of an older version has left behind is put right."""

from datetime import datetime

from sqlalchemy import delete, exists, or_, select, update

from daemon.store.database import Database
from daemon.store.ended import forget
from daemon.store.jobs import FINAL
from daemon.store.tables import FailureRow, JobRow, RunRow
from daemon.store.tables_begun import LateRow
from daemon.store.tables_of_alerts import UnreadableRow
from daemon.store.tables_of_history import HistoryRow


async def tidy(database: Database, before: datetime, lately: datetime | None = None) -> int:
    """Removes runs that ended before then, unless a failure that is still open leads to one of their jobs
    (business-central-sync 3.9); how many. Couplings and commands stay: promises 2 and 8 rest on them. A write that was
    lost before then comes no more. How changes ended is told from `lately` on at least, and what no job counts not from
    earlier; without it from `before` on."""
    run, job, failure = RunRow, JobRow, FailureRow
    needed = (
        select(job.id)
        .join(failure, failure.job_id == job.id)
        .where(job.run == run.id, failure.resolved_at.is_(None))
        .correlate(run)
    )
    old = (run.state.in_(FINAL), run.finished < before, ~exists(needed))
    # An older worker, at work beside us during an upgrade, does not say when its failures are due.
    again = or_(failure.woken, failure.transient, failure.waits_for.is_not(None))
    unsaid = (failure.resolved_at.is_(None), failure.skipped_at.is_(None), failure.again_at.is_(None), again)
    lately = lately or before
    told = min(before, lately)
    async with database.write() as connection:
        await connection.execute(update(failure).where(*unsaid).values(again_at=failure.last_at))
        await connection.execute(delete(failure).where(failure.resolved_at < before))
        await connection.execute(delete(UnreadableRow).where(UnreadableRow.at < before))
        await connection.execute(delete(LateRow).where(LateRow.created_at < before))
        await connection.execute(delete(HistoryRow).where(HistoryRow.at < told))
        await forget(connection, told, lately)
        return int((await connection.execute(delete(run).where(*old))).rowcount)
