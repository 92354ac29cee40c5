import { BlockList, isIP } from "node:net"

/**
 * Metadata services of clouds, which give a machine its own secrets. They are refused even where private addresses are
 * allowed. Most are in networks that are not public; Azure's (168.63.129.16) is a public address that only machines in that
 * cloud reach.
 */
const metadata = new BlockList()
for (const address of [
  "168.63.129.16",
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "100.100.100.200",
  "192.0.0.192",
])
  metadata.addAddress(address, "ipv4")
for (const address of ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe"])
  metadata.addAddress(address, "ipv6")

/** Whether an IP address is a cloud's metadata service, also as an IPv4 address embedded in an IPv6 one. */
export const isMetadataAddress = (address: string): boolean => {
  const family = isIP(address)
  if (family === 0) return false
  return metadata.check(address, family === 4 ? "ipv4" : "ipv6")
}

/** Networks that are not the public internet, from the IANA special-purpose registries (RFC 6890 and its updates). */
const special = new BlockList()
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  special.addSubnet(network, prefix, "ipv4")
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  special.addSubnet(network, prefix, "ipv6")

/** Global unicast. Embedded IPv4 addresses (mapped, NAT64), local and multicast addresses are outside of it. */
const globalUnicast = new BlockList()
globalUnicast.addSubnet("2000::", 3, "ipv6")

/** Whether a text is an IP address on the public internet. */
export const isPublicAddress = (address: string): boolean => {
  if (isMetadataAddress(address)) return false
  switch (isIP(address)) {
    case 4:
      return !special.check(address, "ipv4")
    case 6:
      return globalUnicast.check(address, "ipv6") && !special.check(address, "ipv6")
    default:
      return false
  }
}
