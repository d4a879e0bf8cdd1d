/**
 * Part of `write-changes.ts`: the events of the records that it wrote. A record that only rose is told as escalated;
 * `before` is what this statement found, since its parts do not see what the others write.
 */
export const TELL_EXCEPTIONS = `
  select
    e.tenant_id, e.instance_id,
    case
      when e.escalation_level > before.escalation_level and e.state = before.state
        and e.occurrence = before.occurrence then 'exception.escalated'
      else e.type
    end as type,
    e.data
  from exceptions as e left join exception as before on before.id = e.id
  union all
  -- One that was opened, and rose since.
  select e.tenant_id, e.instance_id, 'exception.escalated', e.data
  from exceptions as e left join exception as before on before.id = e.id
  where e.escalation_level > coalesce(before.escalation_level, 0)
    and (before.id is null or e.state <> before.state or e.occurrence <> before.occurrence)`
