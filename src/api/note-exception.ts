/** What people say of an exception that is open: recorded, shown, and told to those who follow its transaction. */
import type { ApiServices } from "./dependencies.ts"
import { type Exception, getException, viewException } from "./exception-view.ts"
import { ApiProblem } from "./problem.ts"

interface Note {
  tenant: string
  id: number
  /** Resolves to false when there is no such open exception. */
  record: () => Promise<boolean>
}

/**
 * @returns the exception as it is then.
 * @throws {ApiProblem} `exception_not_found`, `exception_not_open`.
 */
export async function noteException(services: ApiServices, { tenant, id, record }: Note): Promise<Exception> {
  const isRecorded = await record()
  const row = await getException(services, { tenant, id })
  if (!isRecorded) throw new ApiProblem("exception_not_open")
  return viewException(services, { tenant, row })
}
