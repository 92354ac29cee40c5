/** Lists of networks, and the address that a request comes from. */
import { BlockList, isIP } from "node:net"
import { readNetwork } from "../parsing/network.ts"

/** A list of networks, to ask whether an address is in one of them. */
export interface Networks {
  readonly contain: (address: string | undefined) => boolean
}

const mappedIpv4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i

/** The address as it is compared and shown: an IPv4 address that a socket for IPv6 shows is one of IPv4. */
export const plainAddress = (address: string): string => mappedIpv4.exec(address)?.[1] ?? address

/** Whether a text is a network such as `203.0.113.0/24`, or a single address. */
export const isNetwork = (text: string): boolean => readNetwork(text) !== undefined

/**
 * The networks of a list. What is no network is not in it; check with {@link isNetwork} before. One list for each family, because
 * a `BlockList` takes an address of IPv4 for one of `::/0`.
 */
export const networksOf = (list: ReadonlyArray<string>): Networks => {
  const networks = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const text of list) {
    const network = readNetwork(text)
    if (network !== undefined)
      networks[network.family].addSubnet(network.address, network.bits, network.family)
  }
  return {
    contain: (address) => {
      const plain = address === undefined ? "" : plainAddress(address)
      const family = isIP(plain)
      if (family === 4) return networks.ipv4.check(plain, "ipv4")
      // The list of IPv4 recognises its addresses in the notation of IPv6.
      return family === 6 && (networks.ipv6.check(plain, "ipv6") || networks.ipv4.check(plain, "ipv6"))
    },
  }
}

/** How many proxies of `X-Forwarded-For` are looked at, from the right. */
const PROXIES_MAX = 32

/**
 * The address that a request comes from: that of the socket, or if a trusted proxy connected, the right-most address of
 * `X-Forwarded-For` that is no trusted proxy. What is left of it was written by strangers and is not looked at. `undefined` if
 * it cannot be found out, which no list of networks contains.
 */
export const clientAddress = (
  socket: string | undefined,
  forwardedFor: string | undefined,
  trusted: Networks,
): string | undefined => {
  if (socket === undefined) return undefined
  const direct = plainAddress(socket)
  if (forwardedFor === undefined || !trusted.contain(direct)) return direct
  for (const hop of forwardedFor.split(",").slice(-PROXIES_MAX).reverse()) {
    const address = plainAddress(withoutPort(hop.trim()))
    if (isIP(address) === 0) return undefined
    if (!trusted.contain(address)) return address
  }
  // All of them are our own proxies: the request comes from one of them.
  return direct
}

/** "203.0.113.7:4711" and "[2001:db8::1]:4711", as some proxies write them. */
const withoutPort = (hop: string): string =>
  /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
