import { describe, expect, it } from "vitest"
import {
  SET_ASIDE,
  Shares,
  UNDER_WAY_MAX,
  UNDER_WAY_PER_ENDPOINT_MAX,
  type Waiting,
} from "../../src/webhooks/shares.ts"

const at = (partner: string, host = `${partner}.com`, endpoint = `${host}/${partner}`): Waiting => ({
  endpoint,
  partner,
  host,
})

/** Takes what is allotted, as a dispatcher does whose endpoints never answer. */
const hang = (shares: Shares, waiting: ReadonlyArray<Waiting>): number => {
  let taken = 0
  for (;;) {
    const { partners, hosts, endpoints, pairs } = shares.full
    const room = waiting.filter(
      ({ partner, host, endpoint }) =>
        !partners.includes(partner) &&
        !hosts.includes(host) &&
        !endpoints.includes(endpoint) &&
        !pairs.some((pair) => pair.partner === partner && pair.host === host),
    )
    const allotted = shares.allot(room)
    // Who is not full gets something, or it would stand in the way of those behind it.
    expect(allotted.size > 0).toBe(room.length > 0)
    if (allotted.size === 0) return taken
    for (const one of waiting)
      for (let count = allotted.get(one.endpoint) ?? 0; count > 0; count -= 1) {
        shares.add(one)
        taken += 1
      }
  }
}

const many = <A>(count: number, of: (index: number) => A) =>
  Array.from({ length: count }, (_, index) => of(index))

describe("of the places for attempts", () => {
  it("one endpoint has sixteen at most", () => {
    expect(hang(new Shares(), [at("acme")])).toBe(UNDER_WAY_PER_ENDPOINT_MAX)
  })

  it("one partner has a quarter at most, on however many hosts", () => {
    const taken = hang(
      new Shares(),
      many(100, (index) => at("acme", `h${index}.com`)),
    )
    expect(taken).toBe(UNDER_WAY_MAX / 4)
  })

  it("one host has a quarter at most, behind however many partners", () => {
    const taken = hang(
      new Shares(),
      many(100, (index) => at(`p${index}`, "shared.com")),
    )
    expect(taken).toBe(UNDER_WAY_MAX / 4)
  })

  it.each([1, 2, 10, 60, 120])("some are left when %i partners hang, for whoever has none", (count) => {
    const shares = new Shares()
    const hanging = many(16 * count, (index) => at(`p${index % count}`, `h${index}.com`))
    hang(shares, hanging)
    expect(shares.free).toBeGreaterThanOrEqual(1)
    expect(shares.allot([...hanging, at("prompt")]).get(at("prompt").endpoint)).toBeGreaterThanOrEqual(1)
  })

  it.each([
    [13, 16],
    [31, 1],
    [76, 16],
    [90, 1],
  ])("some are left when %i partners began to hang one after the other, on %i hosts each", (count, hosts) => {
    const shares = new Shares()
    const hanging = many(count, (index) => many(hosts, (host) => at(`p${index}`, `h${host}.p${index}.com`)))
    for (const partner of hanging) hang(shares, partner)
    expect(shares.free).toBeGreaterThanOrEqual(1)
    expect(hang(shares, [at("prompt")])).toBe(1)
  })

  it("what is set aside is for no host that hangs already, behind whatever partner", () => {
    const shares = new Shares()
    for (let count = 0; count < 30; count += 1) hang(shares, [at(`p${count}`)])
    expect(shares.free).toBeLessThan(SET_ASIDE)
    shares.add(at("first", "shared.com"))
    expect(hang(shares, [at("second", "shared.com")])).toBe(0)
  })

  it("a partner's host that hangs leaves some of the share to the partner's others", () => {
    const shares = new Shares()
    hang(
      shares,
      many(15, (index) => at("acme", "hangs.com", `hangs.com/${index}`)),
    )
    expect(shares.allot([at("acme", "prompt.com")]).size).toBe(1)
  })

  it("each gets one before anybody gets two", () => {
    const waiting = many(UNDER_WAY_MAX / 2, (index) => at(`p${index}`))
    const allotted = [...new Shares().allot(waiting).values()]
    expect(allotted).toHaveLength(waiting.length)
    expect(Math.max(...allotted) - Math.min(...allotted)).toBeLessThanOrEqual(1)
  })

  it("none is lost: what ended is free again, and nothing is remembered of it", () => {
    const shares = new Shares()
    const waiting = many(50, (index) => at(`p${index}`))
    for (const one of waiting) shares.add(one)
    for (const one of waiting) shares.remove(one)
    expect(shares.free).toBe(UNDER_WAY_MAX)
    expect(shares.full).toEqual({ partners: [], hosts: [], endpoints: [], pairs: [] })
    expect(hang(shares, [at("p1")])).toBe(UNDER_WAY_PER_ENDPOINT_MAX)
  })
})
