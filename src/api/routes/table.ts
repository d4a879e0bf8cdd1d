/** Every route there is. What is not in these tables does not answer. */
import type { ApiRoute } from "../route.ts"
import { listApprovalsRoute } from "./approvals/list.ts"
import { listAuditRoute } from "./audit/list.ts"
import { bulkCommandRoutes } from "./bulk-jobs/commands.ts"
import { createBulkJobRoute } from "./bulk-jobs/create.ts"
import { getBulkJobRoute } from "./bulk-jobs/get.ts"
import { listBulkItemsRoute } from "./bulk-jobs/list-items.ts"
import { listBulkJobsRoute } from "./bulk-jobs/list.ts"
import { startBulkJobRoute } from "./bulk-jobs/start.ts"
import { createConnectionRoute } from "./connections/create.ts"
import { deleteConnectionRoute } from "./connections/delete.ts"
import { getConnectionRoute } from "./connections/get.ts"
import { listConnectionsRoute } from "./connections/list.ts"
import { replaceConnectionRoute } from "./connections/replace.ts"
import { testConnectionRoute } from "./connections/test.ts"
import { getOpenApi } from "./docs/openapi.ts"
import { getDocsPage } from "./docs/page.ts"
import { getDocsScript } from "./docs/script.ts"
import { acknowledgeExceptionRoute } from "./exceptions/acknowledge.ts"
import { assignExceptionRoute } from "./exceptions/assign.ts"
import { commentExceptionRoute } from "./exceptions/comment.ts"
import { getExceptionRoute } from "./exceptions/get.ts"
import { handleExceptionRoute } from "./exceptions/handle.ts"
import { listExceptionCommentsRoute } from "./exceptions/list-comments.ts"
import { listExceptionGroupsRoute } from "./exceptions/list-groups.ts"
import { listExceptionsRoute } from "./exceptions/list.ts"
import { retryExceptionRoute } from "./exceptions/retry.ts"
import { snoozeExceptionRoute } from "./exceptions/snooze.ts"
import { flowActivityRoutes } from "./flows/activate.ts"
import { createFlowRoute } from "./flows/create.ts"
import { deleteFlowRoute } from "./flows/delete.ts"
import { getFlowGraphRoute } from "./flows/get-graph.ts"
import { getFlowVersionRoute } from "./flows/get-version.ts"
import { getFlowRoute } from "./flows/get.ts"
import { listFlowVersionsRoute } from "./flows/list-versions.ts"
import { listFlowsRoute } from "./flows/list.ts"
import { replaceFlowRoute } from "./flows/replace.ts"
import { validateFlowRoute } from "./flows/validate.ts"
import { aliveRoutes } from "./health/alive.ts"
import { getMetrics } from "./health/metrics.ts"
import { getReadiness } from "./health/ready.ts"
import { getVersion } from "./health/version.ts"
import { createKeyRoute } from "./keys/create.ts"
import { listKeysRoute } from "./keys/list.ts"
import { revokeKeyRoute } from "./keys/revoke.ts"
import { flowStatisticsRoute } from "./stats/flow.ts"
import { tenantMetricsRoute } from "./stats/metrics.ts"
import { overviewStatisticsRoute } from "./stats/overview.ts"
import { createTaskDefinitionRoute } from "./task-definitions/create.ts"
import { deleteTaskDefinitionRoute } from "./task-definitions/delete.ts"
import { getTaskDefinitionRoute } from "./task-definitions/get.ts"
import { listTaskDefinitionsRoute } from "./task-definitions/list.ts"
import { replaceTaskDefinitionRoute } from "./task-definitions/replace.ts"
import { deleteSecretRoute } from "./secrets/delete.ts"
import { listSecretsRoute } from "./secrets/list.ts"
import { saveSecretRoute } from "./secrets/save.ts"
import { cancelTransactionRoute } from "./transactions/cancel.ts"
import { decideTransactionRoute } from "./transactions/decide.ts"
import { followEventsRoute } from "./transactions/follow-events.ts"
import { getTaskOutputRoute } from "./transactions/get-task-output.ts"
import { getTimelineRoute } from "./transactions/get-timeline.ts"
import { getTransactionRoute } from "./transactions/get.ts"
import { listAttemptsRoute } from "./transactions/list-attempts.ts"
import { listLogRoute } from "./transactions/list-log.ts"
import { listTasksRoute } from "./transactions/list-tasks.ts"
import { listTransactionsRoute } from "./transactions/list.ts"
import { pauseTransactionRoute } from "./transactions/pause.ts"
import { redoTransactionRoute } from "./transactions/redo.ts"
import { resumeTransactionRoute } from "./transactions/resume.ts"
import { retryTransactionRoute } from "./transactions/retry.ts"
import { startTransactionRoute } from "./transactions/start.ts"

/** What a process without the API answers too, so that it can be watched. */
export const HEALTH_ROUTES: readonly ApiRoute[] = [...aliveRoutes, getReadiness, getMetrics, getVersion]

export const ROUTES: readonly ApiRoute[] = [
  ...HEALTH_ROUTES,
  getOpenApi,
  getDocsPage,
  getDocsScript,

  createFlowRoute,
  listFlowsRoute,
  validateFlowRoute,
  getFlowRoute,
  replaceFlowRoute,
  deleteFlowRoute,
  ...flowActivityRoutes,
  listFlowVersionsRoute,
  getFlowVersionRoute,
  getFlowGraphRoute,

  createTaskDefinitionRoute,
  listTaskDefinitionsRoute,
  getTaskDefinitionRoute,
  replaceTaskDefinitionRoute,
  deleteTaskDefinitionRoute,

  startTransactionRoute,
  listTransactionsRoute,
  getTransactionRoute,
  listTasksRoute,
  listAttemptsRoute,
  getTaskOutputRoute,
  listLogRoute,
  getTimelineRoute,
  followEventsRoute,
  retryTransactionRoute,
  redoTransactionRoute,
  cancelTransactionRoute,
  pauseTransactionRoute,
  resumeTransactionRoute,
  decideTransactionRoute,

  listApprovalsRoute,

  listExceptionsRoute,
  // Before the one whose {id} would match it as well.
  listExceptionGroupsRoute,
  getExceptionRoute,
  acknowledgeExceptionRoute,
  assignExceptionRoute,
  snoozeExceptionRoute,
  commentExceptionRoute,
  listExceptionCommentsRoute,
  handleExceptionRoute,
  retryExceptionRoute,

  createBulkJobRoute,
  listBulkJobsRoute,
  getBulkJobRoute,
  listBulkItemsRoute,
  startBulkJobRoute,
  ...bulkCommandRoutes,

  overviewStatisticsRoute,
  flowStatisticsRoute,
  tenantMetricsRoute,
  createConnectionRoute,
  listConnectionsRoute,
  getConnectionRoute,
  replaceConnectionRoute,
  deleteConnectionRoute,
  testConnectionRoute,

  saveSecretRoute,
  listSecretsRoute,
  deleteSecretRoute,

  createKeyRoute,
  listKeysRoute,
  revokeKeyRoute,

  listAuditRoute,
]
