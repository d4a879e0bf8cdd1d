import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { beforeEach, describe, expect, onTestFinished, test } from "vitest"
import { CERTIFICATE } from "../connection/certificate.testsuite.ts"
import { SHOP_SET, SHOP_SET_WITHOUT_IMPORTS } from "../connection/shop-descriptor-set.testsuite.ts"
import { listSecretNames, loadConnections, parseConnections } from "./connections.ts"
import { loadSecrets } from "./secrets.ts"

const ALL = [
  { name: "payment", kind: "grpc", host: "127.0.0.1", port: 50051, tls: false },
  {
    name: "inventory",
    kind: "postgres",
    host: "127.0.0.1",
    port: 5432,
    database: "inventory",
    user: "app",
    password_secret: "inventory_password",
  },
  { name: "events", kind: "mqtt", host: "127.0.0.1", port: 1883, protocol: "3.1.1", default: true },
  {
    name: "orders",
    kind: "rabbitmq",
    host: "rabbit",
    port: 5671,
    tls: true,
    ca: CERTIFICATE,
    vhost: "shop",
    exchange: "events",
    username: "app",
    password_secret: "rabbit_password",
  },
  {
    name: "audit",
    kind: "nats",
    host: "nats",
    port: 4222,
    stream: "AUDIT",
    credentials_secret: "nats_creds",
  },
  {
    name: "shipping",
    kind: "http",
    base_url: "http://127.0.0.1:8090",
    profile: "plain",
    effect: "keyed",
    headers: { "x-api-key": { secret: "shipping_key" } },
  },
  { name: "payment-service", kind: "http-rpc", host: "127.0.0.1", port: 8091 },
]

let directory: string
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "holdfast-connections-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
})

describe("parseConnections()", () => {
  test("takes one of every kind as it is", () => {
    expect(parseConnections(JSON.stringify(ALL), "connections.json")).toEqual(ALL)
  })

  test("lists every problem with its place", () => {
    const text = JSON.stringify([
      { name: "a b", kind: "grpc", host: "", port: 0 },
      { name: "shop", kind: "http", base_url: "ftp://x", timeout: 3 },
      { name: "queue", kind: "kafka" },
    ])
    expect(() => parseConnections(text, "connections.json")).toThrow(
      /connections\.json cannot be used:[^]*0\/name[^]*0\/host[^]*0\/port[^]*1\/base_url[^]*timeout[^]*2\/kind/,
    )
  })

  test("refuses a login to NATS that is none, or more than one, and names that AMQP cannot carry", () => {
    const at = { host: "h", port: 1 }
    const text = JSON.stringify([
      { name: "a", kind: "nats", ...at, username: "app" },
      { name: "b", kind: "nats", ...at, token_secret: "t", credentials_secret: "c" },
      { name: "c", kind: "rabbitmq", ...at, username: "u", password_secret: "p", exchange: "é".repeat(128) },
      { name: "d", kind: "rabbitmq", ...at },
    ])
    expect(() => parseConnections(text, "x")).toThrow(
      /0\/password_secret[^]*1\/username: expected one way[^]*2\/exchange[^]*3\/username[^]*3\/password_secret/,
    )
  })

  test("refuses an idempotency key, which each call has of its own", () => {
    const text = JSON.stringify([
      { name: "a", kind: "http", base_url: "http://h", headers: { "Idempotency-Key": "k" } },
      { name: "b", kind: "http-rpc", host: "h", port: 1, headers: { "idempotency-key": { secret: "k" } } },
      { name: "c", kind: "grpc", host: "h", port: 1, metadata: { "idempotency-key": "k" } },
    ])
    expect(() => parseConnections(text, "x")).toThrow(
      /0\/headers\/Idempotency-Key: a connection's[^]*1\/headers\/idempotency-key[^]*2\/metadata\/idempotency-key/,
    )
  })

  test.each([
    [{ host: "h" }, "the header host is set by the client"],
    [{ "x y": "1" }, '"x y" is not a header name'],
    [{ "x-note": "a\r\nb: c" }, "the header x-note holds a line break"],
    [{ "x-note": "订单" }, "the header x-note holds a line break or a character"],
  ])("refuses the headers %j, which no call could send", (headers, message) => {
    for (const settings of [
      { kind: "http", base_url: "http://h" },
      { kind: "jsonrpc", host: "h", port: 1 },
    ])
      expect(() => parseConnections(JSON.stringify([{ name: "a", ...settings, headers }]), "x")).toThrow(
        message,
      )
  })

  test.each([
    ["http://h/api?v=1", "no query and no fragment"],
    ["http://h/api#top", "no query and no fragment"],
    ["https://ann:pw@h/api", "no user and password"],
    ["https://ann@h", "no user and password"],
  ])("refuses the base_url %s, of which a part would be dropped", (base_url, message) => {
    expect(() => parseConnections(JSON.stringify([{ name: "a", kind: "http", base_url }]), "x")).toThrow(
      message,
    )
    const good = [{ name: "a", kind: "http", base_url: "http://h/@ann/api" }]
    expect(parseConnections(JSON.stringify(good), "x")).toEqual(good)
  })

  test("refuses a name or a default that is there twice", () => {
    const mqtt = { kind: "mqtt", host: "h", port: 1, default: true }
    const text = JSON.stringify([
      { ...mqtt, name: "a" },
      { ...mqtt, name: "b" },
      { ...mqtt, name: "a", default: false },
    ])
    expect(() => parseConnections(text, "x")).toThrow(/"a" is there twice[^]*default of mq tasks, not a, b/)
  })

  test("says that it is no JSON, and which file is missing", async () => {
    expect(() => parseConnections("[", "x.json")).toThrow("x.json cannot be used:\n  - expected JSON")
    await expect(loadConnections(path.join(directory, "absent.json"))).rejects.toThrow("ENOENT")
  })
})

describe("TLS settings", () => {
  const own = { cert: CERTIFICATE, key_secret: "client_key" }
  const secured = [
    { name: "a", kind: "http", base_url: "https://h" },
    { name: "b", kind: "http-rpc", host: "h", port: 1, tls: true },
    { name: "c", kind: "jsonrpc", host: "h", port: 1, tls: true },
    { name: "d", kind: "grpc", host: "h", port: 1, tls: true },
    { name: "e", kind: "mqtt", host: "h", port: 1, tls: true },
    { name: "f", kind: "rabbitmq", host: "h", port: 1, tls: true, username: "u", password_secret: "p" },
    { name: "g", kind: "nats", host: "h", port: 1, tls: true },
    { name: "h", kind: "postgres", host: "h", port: 1, tls: true, database: "d", user: "u" },
    { name: "i", kind: "mysql", host: "h", port: 1, tls: true, database: "d", user: "u" },
  ]
  const parse = (list: object[]) => parseConnections(JSON.stringify(list), "x")

  test("are taken by every kind, and the key's secret is asked for", () => {
    const all = secured.map((one) => ({ ...one, ...own, ca: CERTIFICATE, server_name: "inner.test" }))
    expect(parse(all)).toEqual(all)
    expect(listSecretNames(parse(all))).toEqual(["client_key", "p"])
  })

  test("do nothing without TLS, so that they are refused", () => {
    for (const connection of secured) {
      const open = connection.kind === "http" ? { base_url: "http://h" } : { tls: false }
      for (const [field, value] of Object.entries({ ca: CERTIFICATE, server_name: "h.test" }))
        expect(() => parse([{ ...connection, ...open, [field]: value }])).toThrow(
          new RegExp(`0/${field}: without TLS it would do nothing`),
        )
    }
  })

  test.each([
    [{ cert: CERTIFICATE }, "key_secret: a cert and a key_secret go together"],
    [{ key_secret: "k" }, "cert: a cert and a key_secret go together"],
    [{ ca: "/etc/ca.pem" }, "ca: the text holds no certificate"],
    [{ ...own, cert: `${CERTIFICATE}-----BEGIN PRIVATE KEY-----` }, "cert: the text holds a private key"],
    [{ server_name: "https://h" }, "server_name: expected a host name or an address"],
    [{ server_name: "" }, "server_name: expected a host name or an address"],
    [{ verify: false }, "verify"],
  ])("say what is wrong (case %#)", (fields, reason) => {
    for (const connection of secured) expect(() => parse([{ ...connection, ...fields }])).toThrow(reason)
  })
})

describe("limits", () => {
  const at = { name: "a", host: "h", port: 1 }
  const data = { ...at, kind: "postgres", database: "d", user: "u" }
  const parse = (one: object) => parseConnections(JSON.stringify([one]), "x")

  test("are taken by every kind", () => {
    const limits = { max_in_flight: 10, per_second: 0.5 }
    for (const one of [...ALL, { ...data, kind: "mysql" }])
      expect(parse({ ...one, limits })).toEqual([{ ...one, limits }])
  })

  test.each([
    [{ max_in_flight: 0 }, "0/limits/max_in_flight"],
    [{ max_in_flight: 1.5 }, "0/limits/max_in_flight"],
    [{ per_second: 0 }, "0/limits/per_second"],
    [{ per_minute: 1 }, "per_minute"],
  ])("are refused where they are none (case %#)", (limits, reason) => {
    expect(() => parse({ ...data, limits })).toThrow(reason)
  })

  test("of a database leave a connection for each call", () => {
    expect(() => parse({ ...data, limits: { max_in_flight: 11 } })).toThrow(
      /0\/limits: max_in_flight is more than the pool has connections \(pool_size, 10\)/,
    )
    const limits = { max_in_flight: 20 }
    expect(() => parse({ ...data, kind: "mysql", pool_size: 19, limits })).toThrow(/pool_size, 19/)
    expect(parse({ ...data, pool_size: 20, limits })).toMatchObject([{ limits }])
    expect(parse({ ...at, kind: "grpc", limits })).toMatchObject([{ limits }])
  })
})

describe("a descriptor set", () => {
  const payment = { name: "payment", kind: "grpc", host: "h", port: 1 }
  const write = (content: object): string => {
    const file = path.join(directory, "connections.json")
    writeFileSync(file, JSON.stringify(content))
    return file
  }

  test("is read from the file that is named, relative to the connections'", async () => {
    writeFileSync(path.join(directory, "shop.binpb"), Buffer.from(SHOP_SET, "base64"))
    const file = write([{ ...payment, descriptor_set_file: "shop.binpb" }, ALL[1]])
    const text = SHOP_SET.replace(/\s+/g, "")
    expect(await loadConnections(file)).toEqual([{ ...payment, descriptor_set: text }, ALL[1]])
  })

  test.each([
    [{ descriptor_set_file: "absent.binpb" }, /absent\.binpb cannot be used:[^]*ENOENT/],
    [{ descriptor_set_file: 7 }, /expected the path of a file, not 7/],
    [{ descriptor_set_file: "shop.binpb", descriptor_set: SHOP_SET }, /not both/],
    [{ descriptor_set: "Z2FyYmFnZQ==" }, /0\/descriptor_set: the descriptor set is no FileDescriptorSet/],
    [
      { descriptor_set: SHOP_SET_WITHOUT_IMPORTS },
      /0\/descriptor_set: [^]*google\/protobuf\/timestamp\.proto/,
    ],
    [{ descriptor_set: { sha256: "x" } }, /0\/descriptor_set: expected base64 text/],
  ])("says what is wrong with it (case %#)", async (fields, reason) => {
    await expect(loadConnections(write([{ ...payment, ...fields }]))).rejects.toThrow(reason)
  })

  test("serves gRPC only", () => {
    const text = JSON.stringify([{ ...payment, kind: "http-rpc", descriptor_set: SHOP_SET }])
    expect(() => parseConnections(text, "x")).toThrow(/descriptor_set/)
  })
})

describe("listSecretNames()", () => {
  test("finds passwords and headers", () => {
    expect(listSecretNames(parseConnections(JSON.stringify(ALL), "x"))).toEqual([
      "inventory_password",
      "rabbit_password",
      "nats_creds",
      "shipping_key",
    ])
  })
})

describe("loadSecrets()", () => {
  const write = (content: string, mode: number): string => {
    const file = path.join(directory, "secrets.json")
    writeFileSync(file, content)
    chmodSync(file, mode)
    return file
  }

  test("warns when others can read the file", async () => {
    expect(await loadSecrets(write('{"a": "1"}', 0o600))).toEqual({ secrets: { a: "1" }, warnings: [] })
    expect((await loadSecrets(write('{"a": "1"}', 0o644))).warnings[0]).toContain("chmod 600")
  })

  test.each(['{"a": "planted', '{"a": 5, "b": "planted"}'])(
    "never repeats a value of %j",
    async (content) => {
      const message = await loadSecrets(write(content, 0o600)).then(
        () => "nothing was wrong",
        (error: Error) => error.message,
      )
      expect(message).toContain("cannot be used")
      expect(message).not.toContain("planted")
    },
  )
})
