import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { SHOP_SET, SHOP_SET_WITHOUT_IMPORTS } from "../../src/connection/shop-descriptor-set.testsuite.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig
beforeAll(async () => {
  rig = await startApiRig()
})
afterAll(() => rig.stop())

describe("a gRPC connection's descriptor set", () => {
  const payment = { name: "payment", kind: "grpc", host: "payment.example", port: 443, tls: true }
  const summary = {
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    bytes: 1_821,
    services: ["shop.Payment"],
  }

  test("is kept, and answered as what it is, never as its bytes", async () => {
    const body = { ...payment, descriptor_set: SHOP_SET }
    const answers = [
      await rig.call("POST", "/api/v1/connections", { body }),
      await rig.call("PUT", "/api/v1/connections/payment", { body }),
      await rig.call("GET", "/api/v1/connections/payment"),
    ]
    for (const { data } of answers) expect(data.settings).toEqual({ ...payment, descriptor_set: summary })
    expect((await rig.call("GET", "/api/v1/connections")).data.list[0].settings.descriptor_set).toEqual(
      summary,
    )
    const { rows } = await rig.pool.query("select settings->>'descriptor_set' as text from connection")
    expect(rows).toEqual([{ text: SHOP_SET }])
  })

  test.each([
    ["that is garbage", "Z2FyYmFnZQ==", /the descriptor set is no FileDescriptorSet/],
    ["without its imports", SHOP_SET_WITHOUT_IMPORTS, /google\/protobuf\/struct\.proto.*--include_imports/],
    ["that is the answer's", { sha256: "x", bytes: 1, services: [] }, /expected base64 text/],
  ])("is refused where it is one %s", async (_what, descriptor_set, detail) => {
    const body = { ...payment, name: "other", descriptor_set }
    expect((await rig.call("POST", "/api/v1/connections", { body })).json).toMatchObject({
      status: 400,
      errors: [{ pointer: "/descriptor_set", detail: expect.stringMatching(detail) }],
    })
  })
})
