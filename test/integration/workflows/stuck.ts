/** Code that does not come back, in each of the ways in which the sandbox is entered. */
import { defineQuery, proxySinks, setHandler, type Sinks, sleep } from "@temporalio/workflow"

export type Way = "at once" | "in a microtask" | "in a handler" | "not at all"

export interface StuckSinks extends Sinks {
  ears: { hear(way: Way): void }
}

const { ears } = proxySinks<StuckSinks>()

const endless = (): void => {
  for (;;);
}

export async function stuck(way: Way): Promise<string> {
  setHandler(defineQuery("ask"), () => (way === "in a handler" ? endless() : "asked"))
  ears.hear(way)
  if (way === "at once") endless()
  if (way === "in a microtask") await sleep(1).then(endless)
  if (way === "in a handler") await sleep("1h")
  return "came back"
}
