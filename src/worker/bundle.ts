/** The workflow bundle: made once by the build, from the compiled sandbox floors. */
import { fileURLToPath } from "node:url"
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from "@temporalio/worker"

// From src and from dist alike, two levels up is the package.
const inPackage = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Converter of every client and worker: see `workflows/payload-converter.ts`. */
export const PAYLOAD_CONVERTER_PATH = inPackage("dist/workflows/payload-converter.js")

const NO_STACKS = inPackage("dist/workflows/no-stacks.js")

/** Hold no state of a single run, so one copy serves all runs in a context. */
const PRELOADED = [
  "@temporalio/workflow",
  inPackage("dist/engine/machine.js"),
  inPackage("dist/workflows/plan-cache.js"),
]

export interface BundleOptions {
  /** Modules beside our own, for tests that look inside. */
  interceptors?: string[]
  /** Errors have a stack, at the cost of one for each promise. */
  stacks?: boolean
}

export function bundleWorkflows({
  interceptors = [],
  stacks = false,
}: BundleOptions = {}): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: inPackage("dist/workflows/index.js"),
    workflowInterceptorModules: [inPackage("dist/workflows/interceptors.js"), ...interceptors],
    payloadConverterPath: PAYLOAD_CONVERTER_PATH,
    preloadModules: stacks ? PRELOADED : [NO_STACKS, ...PRELOADED],
    logger: new DefaultLogger("WARN"),
  })
}

/** What `npm run build` left. */
export function builtWorkflowBundle(): { codePath: string } {
  return { codePath: inPackage("dist/assets/workflow-bundle.js") }
}
