/**
 * One connection to NATS. The client library neither reconnects nor follows addresses that the server names, and it
 * dials addresses only, which the guard has checked.
 */
import { isIP } from "node:net"
import type { NatsConnection as Nats, NodeConnectionOptions } from "@nats-io/transport-node"
import type { NatsConnection } from "../../../contract/connections.ts"
import { toError } from "../../../contract/errors.ts"
import { abortable } from "../../abortable.ts"
import { Misconfigured } from "../../call.ts"
import { type TlsOptions, toTlsOptions } from "../../outbound/tls-options.ts"
import { BrokerRefused, CONNECT_TIMEOUT_MS, type LinkDeps, type MqLink } from "../driver.ts"
import { loadLibrary } from "../load-library.ts"
import type { NatsMessage } from "./message.ts"
import { causeNamed, type NatsClient, sendOver } from "./send.ts"

const PING_INTERVAL_MS = 30_000

/** Throws `Misconfigured` when a secret is missing, or does not fit the certificate. */
export function createNatsLink(settings: NatsConnection, { guard, secrets }: LinkDeps): MqLink<NatsMessage> {
  const read = (name: string | undefined) => (name === undefined ? undefined : secrets.read(name))
  const login: Login = {
    user: settings.username,
    pass: read(settings.password_secret),
    token: read(settings.token_secret),
    credentials: read(settings.credentials_secret),
    tls: settings.tls === true ? toTlsOptions(settings, secrets) : undefined,
  }
  let broken: Error | undefined
  let client: NatsClient | undefined
  const waiting = new Set<(error: Error) => void>()
  const fail = (error: Error): void => {
    broken ??= error
    for (const tell of waiting) tell(broken)
  }
  const open = async (): Promise<void> => {
    const addresses = await guard.resolve(settings.host)
    const opened = await openClient(settings, { login, addresses: addresses.map(({ address }) => address) })
    client = opened
    // Never rejects.
    void opened.connection.closed().then((reason) => fail(reason ?? new Error("the connection was lost")))
    if (broken === undefined) return
    await opened.connection.close()
    throw broken
  }
  const opened = open()
  // Whoever waits for it is told; nobody may be waiting.
  opened.catch((error: unknown) => fail(toError(error)))

  return {
    isBroken: () => broken !== undefined,
    peer: () => client?.connection.getServer(),
    ready: (signal) => (broken ? Promise.reject(broken) : abortable(opened, signal)),
    send: (message, signal) => sendOver({ client, waiting, findBreak: () => broken }, message, signal),
    async close() {
      fail(new Error("the connection was closed"))
      // What it says, the link's calls were told.
      await client?.connection.close().catch(() => undefined)
    },
  }
}

interface Login {
  user: string | undefined
  pass: string | undefined
  token: string | undefined
  credentials: string | undefined
  tls: TlsOptions | undefined
}

async function openClient(
  settings: NatsConnection,
  { login, addresses }: { login: Login; addresses: string[] },
): Promise<NatsClient> {
  const [transport, jetstream] = await loadLibrary(
    () => Promise.all([import("@nats-io/transport-node"), import("@nats-io/jetstream")]),
    "@nats-io/transport-node @nats-io/jetstream",
  )
  const { credentials, tls, ...words } = login
  const authenticator =
    credentials === undefined
      ? undefined
      : checked(transport.credsAuthenticator(new TextEncoder().encode(credentials)))
  const options = { ...optionsOf({ ...settings, tls }, addresses), ...definedOf({ ...words, authenticator }) }
  try {
    const connection = await transport.connect(options)
    await checkInbox(connection, transport.createInbox())
    return { connection, transport, jetstream }
  } catch (thrown) {
    throw toRefusal(toError(thrown))
  }
}

/** Without an inbox no answer of the server arrives; found out before anything is published. */
async function checkInbox(connection: Nats, inbox: string): Promise<void> {
  let denied: Error | undefined
  const subscription = connection.subscribe(inbox, {
    callback: (error) => {
      if (error) denied = error
    },
  })
  await connection.flush()
  if (denied === undefined) return subscription.unsubscribe()
  await connection.close()
  throw denied
}

function toRefusal(error: Error): Error {
  const refused = (code: string) => new BrokerRefused({ class: "misconfigured", code }, error)
  if (causeNamed(error, "AuthorizationError", "UserAuthenticationExpiredError"))
    return refused("NATS_AUTHORIZATION")
  if (causeNamed(error, "PermissionViolationError")) return refused("NATS_PERMISSION")
  // What the network said is its cause; without one the server ended the handshake.
  if (error.name !== "ConnectionError" || error.cause !== undefined) return error
  return new BrokerRefused({ class: "not_executed", code: "connection_lost" }, error)
}

type Authenticator = Exclude<NodeConnectionOptions["authenticator"], undefined | unknown[]>

/** It reads its text when it is first asked, in the middle of the library's handshake. */
function checked(authenticator: Authenticator): Authenticator {
  try {
    authenticator("nonce")
    return authenticator
  } catch (thrown) {
    const message =
      "the connection's credentials_secret holds no credentials: expected the text of a .creds file"
    throw new Misconfigured("credentials_invalid", message, { cause: thrown })
  }
}

function optionsOf(
  { port, tls }: Pick<NatsConnection, "port"> & Pick<Login, "tls">,
  addresses: string[],
): NodeConnectionOptions {
  return {
    servers: addresses.map((address) =>
      isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`,
    ),
    // The library knows nothing of these and hands them to Node. Without a name it would take the address for one.
    tls: tls === undefined ? null : { servername: "", ...tls },
    name: "holdfast",
    resolve: false,
    reconnect: false,
    ignoreClusterUpdates: true,
    noRandomize: true,
    noAsyncTraces: true,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
  }
}

type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

function definedOf<Fields extends object>(fields: Fields): Defined<Fields> {
  // The entries are those of `fields`, without the undefined ones.
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Defined<Fields>
}
