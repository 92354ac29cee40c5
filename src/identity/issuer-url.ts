/** Addresses from which keys that decide about money may be read. */
import { BlockList, isIP } from "node:net"

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addAddress("::1", "ipv6")

/** Whether a text is an `https` URL without credentials, or an `http` one of this machine. */
export const isSafeUrl = (text: string): boolean => {
  const url = URL.parse(text)
  if (url === null || url.username !== "" || url.password !== "") return false
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))
}

const isLoopback = (hostname: string): boolean => {
  const address = hostname.replace(/^\[(.*)\]$/, "$1")
  const family = isIP(address)
  return family === 0 ? address === "localhost" : loopback.check(address, family === 4 ? "ipv4" : "ipv6")
}
