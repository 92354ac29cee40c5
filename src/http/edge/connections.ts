/**
 * Connections are bounded, and those of callers who have shown a key are not pushed out by those who have not: where all
 * are taken, the oldest connection on which nobody has shown one yet gives way.
 */
import type { Server } from "node:http"
import type { Socket } from "node:net"

export interface ConnectionLimits {
  readonly connectionsMax: number
  /** From one remote address. Behind a proxy all come from one. */
  readonly perAddressMax: number
}

/** Connections on which a key was shown, or a signature that verified. */
const vouched = new WeakSet<Socket>()

/** Says that a caller on a connection is who it says it is. */
export const vouchFor = (socket: Socket): void => {
  vouched.add(socket)
}

/** Holds a server to the limits. A connection beyond them that nobody gives way to is closed at once. */
export const boundConnections = (
  server: Server,
  { connectionsMax, perAddressMax }: ConnectionLimits,
): Server => {
  const open = new Set<Socket>()
  /** The oldest first. Those that were vouched for are only taken out when they are come upon. */
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

/** Whether somebody gave way. */
const makeRoom = (strangers: Set<Socket>): boolean => {
  for (const socket of strangers) {
    strangers.delete(socket)
    if (vouched.has(socket) || socket.destroyed) continue
    socket.destroy()
    return true
  }
  return false
}
