/*
 * Loaded before a command: every connection but those to the ports in ALLOWED_PORTS throws. Without that variable none throws. Where each
 * one went is written to the file in REACHED.
 */
import { appendFileSync } from "node:fs"
import { Socket } from "node:net"

const allowed = process.env.ALLOWED_PORTS?.split(",")
const { connect } = Socket.prototype

Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args
  const port = String(typeof options === "object" ? (options.port ?? options.path) : options)
  if (process.env.REACHED) appendFileSync(process.env.REACHED, `${port}\n`)
  if (allowed !== undefined && !allowed.includes(port))
    throw new Error(`a connection to ${port} is forbidden`)
  return connect.apply(this, args)
}
