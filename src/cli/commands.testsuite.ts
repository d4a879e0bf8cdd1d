import { Command } from "commander"
import type { HoldfastClient } from "../sdk/client.ts"
import type { Terminal } from "./terminal.ts"

export interface Seen {
  printed: string[]
  said: string[]
  code: number
  thrown: unknown
}

/** A client of the given methods; a command that calls another one fails. */
export function stubClient(given: Partial<HoldfastClient>): HoldfastClient {
  const get = (target: object, name: string | symbol): unknown => {
    // A promise that resolves to the client asks whether it is one itself.
    if (name === "then" || Object.hasOwn(target, name)) return Reflect.get(target, name)
    throw new Error(`${String(name)} was not expected`)
  }
  // Every method is either there or throws when it is asked for.
  return new Proxy(given, { get }) as HoldfastClient
}

/** Runs one command as a user types it. */
export async function runCommand(
  add: (program: Command, terminal: Terminal) => void,
  args: readonly string[],
  client: Partial<HoldfastClient>,
): Promise<Seen> {
  const seen: Seen = { printed: [], said: [], code: 0, thrown: undefined }
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (text) => void seen.said.push(text) })
  add(program, {
    client: () => Promise.resolve(stubClient(client)),
    print: (text) => void seen.printed.push(text),
    say: (line) => void seen.said.push(line),
    exit: (code) => void (seen.code = code),
  })
  await program.parseAsync([...args], { from: "user" }).catch((thrown: unknown) => (seen.thrown = thrown))
  return seen
}
