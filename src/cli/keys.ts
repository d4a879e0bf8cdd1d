import type { Command } from "commander"
import type { KeyView } from "../sdk/shapes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

/** @param key the command `key`, which can also create one without an API. */
export function addKeyListCommands(key: Command, terminal: Terminal): void {
  key
    .command("list")
    .description("who may call the API, newest first, at most 200")
    .addOption(outputOption())
    .action(async (flags: { output: OutputFormat }) => {
      const client = await terminal.client()
      printResult(terminal, flags, { value: await client.listKeys(), show })
    })
  key
    .command("revoke")
    .description("from now on the API refuses it")
    .argument("<id>", "the key's id, as the list shows it")
    .action(async (id: string) => {
      await (await terminal.client()).revokeKey(id)
      terminal.say(`key ${id} is revoked`)
    })
}

function show(list: KeyView[]): string {
  const rows = list.map(({ id, name, role, scopes, expires_at, last_used_at, revoked_at }) => [
    id,
    name,
    role ?? scopes.join(","),
    revoked_at === null ? expires_at : `revoked ${revoked_at}`,
    last_used_at ?? "never",
  ])
  return formatTable(["ID", "NAME", "MAY", "UNTIL", "LAST USED"], rows)
}
