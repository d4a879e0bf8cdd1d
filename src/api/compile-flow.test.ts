import { expect, test } from "vitest"
import { compileFlow } from "./compile-flow.ts"
import { readDefinition } from "./read-definition.ts"

test("compileFlow() lets others have their turn while it works on a large flow", async () => {
  const tasks = Array.from({ length: 1_000 }, (_, position) => ({
    id: `t${position}`,
    task_name: "http",
    depends_on: position === 0 ? [] : [`t${position - 1}`],
    config: { url: "/x", connection: "shop" },
  }))
  const services = {
    connections: [{ name: "shop", kind: "http" as const }],
    addressPolicy: { allowLoopback: true },
  }
  let turns = 0
  const others = setInterval(() => turns++, 0)
  const { plan } = await compileFlow(services, {
    definition: readDefinition({ definition: { name: "large", tasks } }),
    definitions: [],
  })
  clearInterval(others)
  expect(plan.tasks).toHaveLength(1_000)
  expect(turns).toBeGreaterThan(1)
})
