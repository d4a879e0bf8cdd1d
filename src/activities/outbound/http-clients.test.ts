import { once } from "node:events"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { expect, onTestFinished, test } from "vitest"
import type { HttpConnection } from "../../contract/connections.ts"
import { localGuard, secretsOf, until } from "../calls.testsuite.ts"
import { createAuthority, openssl } from "./certificates.testsuite.ts"
import { createHttpClient } from "./http-client.ts"
import { createHttpClients } from "./http-clients.ts"

test.skipIf(openssl === undefined)(
  "createHttpClients() lets a call on its way end after its connection was changed",
  async () => {
    const authority = createAuthority()
    const held: (() => void)[] = []
    const server = createServer(authority.issue({ names: "IP:127.0.0.1" }), (request, response) => {
      request.resume()
      if (request.url === "/held") held.push(() => response.end("late"))
      else response.end("at once")
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    // Listening on a port makes it an address with a port.
    const base_url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const shared = createHttpClient(localGuard)
    const clients = createHttpClients({ guard: localGuard, secrets: secretsOf(), client: shared })
    onTestFinished(async () => {
      await Promise.all([clients.close(), shared.close()])
      server.closeAllConnections()
      server.close()
    })
    const settings: HttpConnection = { name: "shop", kind: "http", base_url, ca: authority.cert }
    const get = (connection: HttpConnection, path: string) =>
      clients.of(connection).request({
        method: "GET",
        url: new URL(path, base_url),
        headers: {},
        budgetMs: 10_000,
        signal: new AbortController().signal,
      })

    const late = get(settings, "/held")
    await until(() => held.length === 1)
    const changed = { ...settings, headers: { "x-new": "1" } }
    expect(clients.of(changed)).not.toBe(clients.of(settings))
    expect(await get(changed, "/")).toMatchObject({ ended: "reply", body: Buffer.from("at once") })
    held[0]?.()
    expect(await late).toMatchObject({ ended: "reply", body: Buffer.from("late") })

    const { ca: _own, ...plain } = settings
    for (const connection of [undefined, plain]) expect(clients.of(connection)).toBe(shared)
  },
)
