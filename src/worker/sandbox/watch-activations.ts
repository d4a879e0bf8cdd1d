/**
 * One watch over each activation instead of one over every call into the sandbox; to be loaded in its thread.
 *
 * The SDK ends code that does not come back after 5 s, and fails its workflow task. For that Node starts a thread
 * and joins it, around each of the five calls that an activation takes: 110 µs of CPU where the call itself takes 4.
 * The calls of an activation are made in one go, so one watch around them all sees the same. Making a run and dropping
 * it are not watched: that runs the bundle's own modules, and nothing that depends on a flow.
 */
import vm, { type RunningScriptOptions, type Script } from "node:vm"
import { ReusableVMWorkflow } from "@temporalio/worker/lib/workflow/reusable-vm.js"

/** The SDK's default for `isolateExecutionTimeout`, which is not looked at here. */
const LONGEST_ACTIVATION_MS = 5_000

const { prototype: script } = vm.Script
const runInContext = Reflect.get(script, "runInContext")
const { prototype: workflow } = ReusableVMWorkflow
const activate = Reflect.get(workflow, "activate")

script.runInContext = function (this: Script, context, options) {
  const { timeout: _, ...others }: RunningScriptOptions = options ?? {}
  // Whatever the script returns.
  return runInContext.call(this, context, others) as unknown
}

const watched = vm.createContext({ work: undefined })
const doWork = new vm.Script("work()")

workflow.activate = function (this: ReusableVMWorkflow, activation) {
  watched["work"] = () => activate.call(this, activation)
  try {
    // What `work` returns.
    return runInContext.call(doWork, watched, { timeout: LONGEST_ACTIVATION_MS }) as ReturnType<
      typeof activate
    >
  } finally {
    watched["work"] = undefined
  }
}
