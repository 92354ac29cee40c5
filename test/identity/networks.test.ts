import { describe, expect, it } from "vitest"
import { clientAddress, isNetwork, networksOf } from "../../src/identity/networks.ts"

describe("a list of networks", () => {
  const networks = networksOf(["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"])

  it.each(["203.0.113.0", "203.0.113.255", "198.51.100.7", "2001:db8::1", "2001:db8:ffff::1"])(
    "contains %s",
    (address) => {
      expect(networks.contain(address)).toBe(true)
    },
  )

  it("contains an address of IPv4 as a socket for IPv6 shows it", () => {
    expect(networks.contain("::ffff:203.0.113.9")).toBe(true)
  })

  it.each(["203.0.114.0", "198.51.100.8", "2001:db9::1", "::1", "", "acme", undefined])(
    "does not contain %s",
    (address) => {
      expect(networks.contain(address)).toBe(false)
    },
  )

  it("of one family contains no address of the other", () => {
    expect(networksOf(["::/0"]).contain("203.0.113.9")).toBe(false)
    expect(networksOf(["::/0"]).contain("2001:db8::1")).toBe(true)
    expect(networksOf(["0.0.0.0/0"]).contain("2001:db8::1")).toBe(false)
  })

  it("contains an IPv4 address in whichever way it is written as one of IPv6", () => {
    expect(networks.contain("::ffff:cb00:7109")).toBe(true)
    expect(networks.contain("0:0:0:0:0:FFFF:203.0.113.9")).toBe(true)
    expect(networks.contain("::ffff:cb00:7209")).toBe(false)
  })

  it("contains nothing if it is empty", () => {
    expect(networksOf([]).contain("203.0.113.9")).toBe(false)
  })

  it.each([
    "203.0.113.0/33",
    "2001:db8::/129",
    "203.0.113/24",
    "203.0.113.0/-1",
    "203.0.113.0/2/4",
    // Meant as 203.0.113.0/24, and read as all addresses of IPv4.
    "::ffff:203.0.113.0/24",
    "::ffff:203.0.113.9",
    "0:0:0:0:0:FFFF:cb00:7109",
    // A zone means something to one machine only.
    "fe80::1%eth0",
    "fe80::1%eth0/64",
    "acme",
    "",
  ])("may not have %j in it", (text) => {
    expect(isNetwork(text)).toBe(false)
  })
})

describe("the address of a caller", () => {
  const trusted = networksOf(["10.0.0.0/8", "fd00::/8"])
  const from = (socket: string | undefined, forwardedFor?: string) =>
    clientAddress(socket, forwardedFor, trusted)

  it("is that of the socket", () => {
    expect(from("203.0.113.9")).toBe("203.0.113.9")
    expect(from("::ffff:203.0.113.9")).toBe("203.0.113.9")
    expect(from("10.0.0.1")).toBe("10.0.0.1")
    expect(from(undefined, "203.0.113.9")).toBeUndefined()
  })

  it("is never what a stranger writes", () => {
    expect(from("203.0.113.9", "198.51.100.7")).toBe("203.0.113.9")
    expect(clientAddress("10.0.0.1", "198.51.100.7", networksOf([]))).toBe("10.0.0.1")
  })

  it("is the right-most of a trusted proxy's that is no proxy", () => {
    expect(from("10.0.0.1", "203.0.113.9")).toBe("203.0.113.9")
    expect(from("10.0.0.1", "198.51.100.7, 203.0.113.9")).toBe("203.0.113.9")
    expect(from("10.0.0.1", "198.51.100.7, 203.0.113.9, 10.0.0.2, fd00::2")).toBe("203.0.113.9")
    expect(from("fd00::1", "2001:db8::1")).toBe("2001:db8::1")
    expect(from("10.0.0.1", "203.0.113.9:4711")).toBe("203.0.113.9")
    expect(from("10.0.0.1", "[2001:db8::1]:4711")).toBe("2001:db8::1")
  })

  it("is unknown if the proxy names none", () => {
    expect(from("10.0.0.1", "198.51.100.7, unknown")).toBeUndefined()
    expect(from("10.0.0.1", "198.51.100.7,")).toBeUndefined()
  })

  it("is the proxy's own if only proxies are named", () => {
    expect(from("10.0.0.1", "10.0.0.3, 10.0.0.2")).toBe("10.0.0.1")
  })
})
