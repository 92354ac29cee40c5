/** Networks in CIDR notation (RFC 4632 for IPv4, RFC 4291 for IPv6). */
import { BlockList, isIP } from "node:net"
import { Schema } from "effect"

export interface Network {
  readonly address: string
  /** How many leading bits of an address count. */
  readonly bits: number
  readonly family: "ipv4" | "ipv6"
}

/** Addresses of IPv4 as IPv6 writes them (RFC 4291, section 2.5.5.2), in all spellings. */
const mappedIpv4 = new BlockList()
mappedIpv4.addSubnet("::ffff:0:0", 96, "ipv6")

/**
 * Reads `203.0.113.0/24`, `2001:db8::/32` or a single address. `undefined` if the text is neither. A network of IPv4 has to be
 * written as one: who writes `::ffff:203.0.113.0/24` means 256 addresses, and it has all of IPv4. A zone (`fe80::1%eth0`) would
 * be ignored, so it is refused.
 */
export const readNetwork = (text: string): Network | undefined => {
  const [address = "", prefix, ...more] = text.split("/")
  const version = isIP(address)
  if (version === 0 || more.length > 0 || address.includes("%")) return undefined
  if (version === 6 && mappedIpv4.check(address, "ipv6")) return undefined
  const bitsMax = version === 4 ? 32 : 128
  const bits = prefix === undefined ? bitsMax : Number(/^\d{1,3}$/.test(prefix) ? prefix : Number.NaN)
  return bits <= bitsMax ? { address, bits, family: version === 4 ? "ipv4" : "ipv6" } : undefined
}

/** The parts of a list such as "10.0.0.0/8, fd00::/8"; none of an empty text. */
export const networksIn = (text: string): ReadonlyArray<string> =>
  text.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]))

/** A list of networks with commas, as settings have it. */
export const NetworksText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      networksIn(text).every((one) => readNetwork(one) !== undefined) ||
      "expected networks such as 10.0.0.0/8,fd00::/8",
  ),
)
