import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

/** Between a client and its database; loses a COMMIT, or the answer to one. */
export interface CommitProxy {
  port: number
  /** The server gets a COMMIT, and nothing that it says from then on comes through. */
  muteFromCommit: boolean
  /** The server does not get it. */
  dropCommit: boolean
  /** After a COMMIT new connections are refused. */
  refuseAfterCommit: boolean
  refuse: boolean
  /** That came by. */
  commits: number
  close(): void
}

export async function startCommitProxy(databasePort: number): Promise<CommitProxy> {
  const sockets = new Set<Socket>()
  const state = {
    muteFromCommit: false,
    dropCommit: false,
    refuseAfterCommit: false,
    refuse: false,
    commits: 0,
  }
  const server = createServer((near) => {
    if (state.refuse) return void near.destroy()
    const far = connect(databasePort, "127.0.0.1")
    let mute = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
    }
    near.on("data", (data: Buffer) => {
      // A message of COMMIT alone, or of several statements with it at their end.
      const isCommit = /commit\0?$/.test(data.toString("latin1"))
      if (isCommit) state.commits++
      if (isCommit && state.refuseAfterCommit) state.refuse = true
      if (isCommit && state.dropCommit) return void near.destroy()
      if (isCommit && state.muteFromCommit) mute = true
      return void far.write(data)
    })
    far.on("data", (data: Buffer) => {
      if (mute) near.destroy()
      else near.write(data)
    })
    near.on("close", () => far.destroy())
    far.on("close", () => near.destroy())
    return undefined
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return Object.assign(state, {
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
}
