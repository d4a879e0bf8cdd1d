/**
 * The outbox: what one statement changed, told in rows of `event` by that same statement, so that there is never
 * an event without its row, nor a row's change without its event. The same fact may be told twice, as the mirror
 * may write the same row twice.
 *
 * A reader goes by ids: it has seen everything up to one, and asks for what is above. So an id must never become
 * visible after a higher one, and ids of a sequence do not keep to that when several processes write. Hence a
 * lock: held from before the first id is given until all are visible (Postgres gives it back after the commit),
 * which makes the order of ids the order of commits. It is taken last, when every row is written, so nobody waits
 * for it longer than for the insert and a commit; NOTIFY puts the commits in a row anyway. A process that vanishes
 * before it commits loses the lock with its transaction, after 5 s.
 * A horizon (`pg_snapshot_xmin`) would need no lock, but every stream would stand still behind the oldest
 * transaction that writes anywhere in the server, also in another database, and ids would be no cursor any more.
 */
import { LOCK_CLASS, LOCK_EVENTS } from "../advisory-locks.ts"

export const EVENT_CHANNEL = "holdfast_event"

/**
 * Members of a `with` list, after those that changed rows, and after `told`: rows of `place, tenant_id,
 * instance_id, type, data`, where `place` orders the events of one statement. The statement must read
 * `(select count(*) from rung)`, or nobody is told.
 */
export const INSERT_EVENTS = `
  turn as (
    select
      pg_advisory_xact_lock(${LOCK_CLASS}, ${LOCK_EVENTS}),
      set_config('idle_in_transaction_session_timeout', '5s', true)
    from (select count(*) as events from told) as counted where events > 0
  ),
  events as (
    insert into event (tenant_id, instance_id, type, data)
    select tenant_id, instance_id, type, data from told cross join turn order by place
    returning id
  ),
  rung as (
    select pg_notify('${EVENT_CHANNEL}', max(id)::text) from events having count(*) > 0
  )`
