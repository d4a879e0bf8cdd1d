/** Bundled for replays only: hands the machine's view out after every activation. */
import { proxySinks, type Sinks, type WorkflowInterceptorsFactory } from "@temporalio/workflow"
import type { View } from "../../src/contract/rows.ts"
// The compiled module, because that is the instance the bundled workflow fills.
import { stage } from "../../dist/workflows/stage.js"

export interface DigestSinks extends Sinks {
  digest: { view(view: View): void }
}

const { digest } = proxySinks<DigestSinks>()

export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      concludeActivation(input, next) {
        if (stage.machine) digest.view(stage.machine.view(1024 * 1024))
        return next(input)
      },
    },
  ],
})
