/**
 * Limits connections, so that callers without a key do not displace those who have shown one: when the limit is reached,
 * the oldest connection on which nobody has shown a key is closed.
 */
import type { Server } from "node:http"
import type { Socket } from "node:net"

export interface ConnectionLimits {
  readonly connectionsMax: number
  /** Of one remote address. Behind a proxy all connections have the same address. */
  readonly perAddressMax: number
}

/** Connections on which a valid key or signature was shown. */
const vouched = new WeakSet<Socket>()

/** Marks a connection as that of an authenticated caller. */
export const vouchFor = (socket: Socket): void => {
  vouched.add(socket)
}

/** Applies the limits to a server. A connection beyond them is closed at once if no other one can be closed for it. */
export const boundConnections = (
  server: Server,
  { connectionsMax, perAddressMax }: ConnectionLimits,
): Server => {
  const open = new Set<Socket>()
  /** The oldest first. Authenticated connections are removed only when `makeRoom` finds them. */
  const strangers = new Set<Socket>()
  const byAddress = new Map<string, number>()
  return server.on("connection", (socket) => {
    const address = socket.remoteAddress ?? ""
    const others = byAddress.get(address) ?? 0
    if (others >= perAddressMax || (open.size >= connectionsMax && !makeRoom(strangers))) {
      socket.destroy()
      return
    }
    open.add(socket)
    strangers.add(socket)
    byAddress.set(address, others + 1)
    socket.once("close", () => {
      open.delete(socket)
      strangers.delete(socket)
      const left = (byAddress.get(address) ?? 1) - 1
      if (left === 0) byAddress.delete(address)
      else byAddress.set(address, left)
    })
  })
}

/** Closes the oldest connection without a key, and returns whether there was one. */
const makeRoom = (strangers: Set<Socket>): boolean => {
  for (const socket of strangers) {
    strangers.delete(socket)
    if (vouched.has(socket) || socket.destroyed) continue
    socket.destroy()
    return true
  }
  return false
}
