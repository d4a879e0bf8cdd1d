/** Every route there is. What is not in this table does not answer. */
import type { ApiRoute } from "../route.ts"
import { createConnectionRoute } from "./connections/create.ts"
import { deleteConnectionRoute } from "./connections/delete.ts"
import { getConnectionRoute } from "./connections/get.ts"
import { listConnectionsRoute } from "./connections/list.ts"
import { replaceConnectionRoute } from "./connections/replace.ts"
import { testConnectionRoute } from "./connections/test.ts"
import { getOpenApi } from "./docs/openapi.ts"
import { getDocsPage } from "./docs/page.ts"
import { getDocsScript } from "./docs/script.ts"
import { getExceptionRoute } from "./exceptions/get.ts"
import { handleExceptionRoute } from "./exceptions/handle.ts"
import { listExceptionsRoute } from "./exceptions/list.ts"
import { retryExceptionRoute } from "./exceptions/retry.ts"
import { createFlowRoute } from "./flows/create.ts"
import { getFlowRoute } from "./flows/get.ts"
import { listFlowsRoute } from "./flows/list.ts"
import { replaceFlowRoute } from "./flows/replace.ts"
import { validateFlowRoute } from "./flows/validate.ts"
import { aliveRoutes } from "./health/alive.ts"
import { getReadiness } from "./health/ready.ts"
import { getVersion } from "./health/version.ts"
import { createKeyRoute } from "./keys/create.ts"
import { listKeysRoute } from "./keys/list.ts"
import { revokeKeyRoute } from "./keys/revoke.ts"
import { deleteSecretRoute } from "./secrets/delete.ts"
import { listSecretsRoute } from "./secrets/list.ts"
import { saveSecretRoute } from "./secrets/save.ts"
import { cancelTransactionRoute } from "./transactions/cancel.ts"
import { decideTransactionRoute } from "./transactions/decide.ts"
import { getTransactionRoute } from "./transactions/get.ts"
import { listAttemptsRoute } from "./transactions/list-attempts.ts"
import { listTasksRoute } from "./transactions/list-tasks.ts"
import { listTransactionsRoute } from "./transactions/list.ts"
import { retryTransactionRoute } from "./transactions/retry.ts"
import { startTransactionRoute } from "./transactions/start.ts"

export const ROUTES: readonly ApiRoute[] = [
  ...aliveRoutes,
  getReadiness,
  getVersion,
  getOpenApi,
  getDocsPage,
  getDocsScript,

  createFlowRoute,
  listFlowsRoute,
  validateFlowRoute,
  getFlowRoute,
  replaceFlowRoute,

  startTransactionRoute,
  listTransactionsRoute,
  getTransactionRoute,
  listTasksRoute,
  listAttemptsRoute,
  retryTransactionRoute,
  cancelTransactionRoute,
  decideTransactionRoute,

  listExceptionsRoute,
  getExceptionRoute,
  handleExceptionRoute,
  retryExceptionRoute,

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
]
