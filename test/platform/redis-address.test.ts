import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { readAddress } from "../../src/platform/redis-address.ts"

const read = (url: string) => Result.getOrThrow(readAddress(url))

describe("REDIS_URL", () => {
  it("names one server", () => {
    expect(read("redis://user:p%40ss@cache.example:6380/3")).toEqual({
      topology: "standalone",
      hosts: [{ host: "cache.example", port: 6380 }],
      primaryName: "",
      database: 3,
      username: "user",
      password: "p@ss",
      tls: false,
    })
    expect(read("redis://127.0.0.1")).toMatchObject({
      hosts: [{ host: "127.0.0.1", port: 6379 }],
      tls: false,
    })
    expect(read("rediss://[::1]:7000/")).toMatchObject({ hosts: [{ host: "::1", port: 7000 }], tls: true })
  })

  it("names Sentinels and the primary that they watch", () => {
    expect(read("redis+sentinel://:secret@a:1,b/payouts/2")).toMatchObject({
      topology: "sentinel",
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 26379 },
      ],
      primaryName: "payouts",
      database: 2,
      username: "",
      password: "secret",
    })
  })

  it("names nodes of a cluster", () => {
    expect(read("rediss+cluster://user:secret@a:1,[::1]:2,c")).toMatchObject({
      topology: "cluster",
      hosts: [
        { host: "a", port: 1 },
        { host: "::1", port: 2 },
        { host: "c", port: 6379 },
      ],
      username: "user",
      tls: true,
    })
  })

  it.each([
    ["nothing", ""],
    ["another scheme", "http://:canary@127.0.0.1"],
    ["no host", "redis://:canary@"],
    ["several servers without a word on how they belong together", "redis://:canary@a:1,b:2"],
    ["Sentinels without the name of a primary", "redis+sentinel://:canary@a:1,b:2"],
    ["a database of a cluster", "redis+cluster://:canary@a:1/4"],
    ["a database that is no number", "redis://:canary@a:1/orders"],
    ["a port that is none", "redis+cluster://:canary@a:1,b:canary"],
    ["an escape that is none", "redis://:canary%E0%A4%A@a"],
    ["an empty host in the list", "redis+cluster://:canary@a:1,,b:2"],
  ])("is refused when it has %s, and not repeated", (_, url) => {
    const failure = Result.getOrThrow(Result.flip(readAddress(url)))
    expect(failure).toMatch(/^redis:\/\/host/)
    expect(failure).not.toContain("canary")
  })
})
