import { Command, CommanderError } from "commander"
import { EXIT, toExitCode } from "../cli/exit-codes.ts"
import { addApprovalCommands } from "../cli/approvals.ts"
import { addBulkCommands } from "../cli/bulk.ts"
import { addConnectionCommands } from "../cli/connections.ts"
import { addDecisionCommands } from "../cli/decisions.ts"
import { addSecretCommands } from "../cli/secrets.ts"
import { addExceptionsCommands } from "../cli/exceptions.ts"
import { addFlowCommands } from "../cli/flows.ts"
import { addGetCommand } from "../cli/get.ts"
import { addListCommand } from "../cli/list.ts"
import { addRedoCommand } from "../cli/redo.ts"
import { addRunCommand } from "../cli/run.ts"
import { addWatchCommand } from "../cli/watch.ts"
import { readEnvironment } from "../config/env.ts"
import { ApiError, Unreachable } from "../sdk/errors.ts"
import { describeError } from "./describe-error.ts"
import { createAppContext } from "./app-context.ts"
import type { AppContext } from "./app-context.ts"
import { addAuditCommand } from "./commands/audit.ts"
import { addBarrierCommand } from "./commands/barrier.ts"
import { addDemoCommand } from "./commands/demo.ts"
import { addDoctorCommand } from "./commands/doctor.ts"
import { addKeyCommand } from "./commands/key.ts"
import { addMirrorCommand } from "./commands/mirror.ts"
import { addStartCommand } from "./commands/start.ts"
import { VERSION } from "./version.ts"

/** What `bin/holdfast.js` calls. Sets the exit code; results go to stdout, everything else to stderr. */
export async function main(argv: readonly string[] = process.argv): Promise<void> {
  ignoreLeavingReaders()
  try {
    await createProgram(createAppContext(readEnvironment())).parseAsync([...argv])
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Commander has already said what was wrong, or shown the help that was asked for.
      process.exitCode = thrown.exitCode === 0 ? EXIT.ok : EXIT.usage
      return
    }
    process.stderr.write(`holdfast: ${describeError(thrown)}\n`)
    const hint = findHint(thrown)
    if (hint !== undefined) process.stderr.write(`(${hint})\n`)
    process.exitCode = toExitCode(thrown)
  }
}

/** The next step, where the error itself cannot know it. */
function findHint(thrown: unknown): string | undefined {
  if (thrown instanceof Unreachable)
    return "holdfast start runs the API; HOLDFAST_URL names one that runs elsewhere"
  if (thrown instanceof ApiError && thrown.status === 401)
    return "HOLDFAST_API_KEY gives the key; holdfast key create makes one"
  return undefined
}

/** `holdfast get x | head -1` ends the pipe early, and a server must not die with who reads its log. */
function ignoreLeavingReaders(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error
    })
}

function createProgram(context: AppContext): Command {
  const program = new Command("holdfast")
    .description("Durable business transactions on Temporal")
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("(add --help for what there is)")
  addStartCommand(program, context)
  addDemoCommand(program, context)
  addRunCommand(program, context.terminal)
  addRedoCommand(program, context.terminal)
  addWatchCommand(program, context.terminal)
  addGetCommand(program, context.terminal)
  addListCommand(program, context.terminal)
  addDecisionCommands(program, context.terminal)
  addApprovalCommands(program, context.terminal)
  addExceptionsCommands(program, context.terminal)
  addBulkCommands(program, context.terminal)
  addFlowCommands(program, context.terminal)
  addConnectionCommands(program, context.terminal)
  addSecretCommands(program, context.terminal)
  addKeyCommand(program, context)
  addAuditCommand(program, context)
  addBarrierCommand(program, context)
  addMirrorCommand(program, context)
  addDoctorCommand(program, context)
  return program
}
