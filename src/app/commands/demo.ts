import type { Command } from "commander"
import { toLocalContext } from "../app-context.ts"
import type { AppContext } from "../app-context.ts"
import type { DemoWorld } from "../demo.ts"
import { live } from "../lifetime.ts"

export function addDemoCommand(program: Command, context: AppContext): void {
  program
    .command("demo")
    .description("run three orders against four real services, all private, and check every effect")
    .option("--stay", "keep everything up until Ctrl-C")
    .addHelpText("after", "\nExample:\n  holdfast demo --stay\n")
    .action(async (flags: { stay?: true }) => {
      const { stateDir, environment } = toLocalContext(context, context.settings())
      await live(async ({ stops, interrupted }) => {
        const { print } = context.terminal
        print(
          "Holdfast demo: four services, three orders. All of it runs on 127.0.0.1 and is thrown away at the end.",
        )
        print("")
        // The rest takes a second to load.
        const { runDemo } = await import("../demo.ts")
        const { verdict, world } = await runDemo({ stateDir, environment, print, stops })
        if (flags.stay === true) {
          print(describeWorld(world))
          await interrupted
        }
        return verdict === "as_expected" ? 0 : 1
      })
    })
}

function describeWorld({ apiUrl, uiUrl, temporalAddress, shop }: DemoWorld): string {
  return [
    "",
    `API docs      ${apiUrl}/docs`,
    `Temporal UI   ${uiUrl ?? ""}`,
    `Temporal      ${temporalAddress}`,
    `Shipping      ${shop.shipping.url}   (curl -X PUT ${shop.shipping.url}/carrier -d '{"up": false}' takes the carrier down)`,
    "",
    "Ctrl-C stops it all",
  ].join("\n")
}
