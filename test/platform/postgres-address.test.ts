import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { readPostgresAddress } from "../../src/platform/postgres-address.ts"
import { primariesAmong } from "../../src/platform/postgres-primary.ts"

const placesIn = (url: string) =>
  Result.match(readPostgresAddress(url), {
    onSuccess: ({ places }) => places.map(({ host, port }) => `${host}:${port}`).join(),
    onFailure: (reason) => reason,
  })

describe("DATABASE_URL", () => {
  it.each([
    ["postgres://u:p@a/db", "a:5432"],
    ["postgresql://a:1,b/db", "a:1,b:5432"],
    ["postgres://u:p@a:5432, b:5433 ,c/db?sslmode=verify-full", "a:5432,b:5433,c:5432"],
    ["postgres://u:p%40q@a,b/db", "a:5432,b:5432"],
    ["postgres://u:p@q@a,b/db", "a:5432,b:5432"],
    ["postgres:///db", "undefined:5432"],
    ["postgres://a,b/db?target_session_attrs=read-write", "a:5432,b:5432"],
    ["postgres://a,b/db?target_session_attrs=primary&sslmode=require", "a:5432,b:5432"],
  ])("%s names %s", (url, places) => expect(placesIn(url)).toBe(places))

  it.each([
    "mysql://a/db",
    "postgres://u:canary@a,,b/db",
    "postgres://u:canary@a:0/db",
    "postgres://u:canary@a:65536,b/db",
    "postgres://u:canary@[::1]:5432/db",
    "postgres://u:canary@::1/db",
    "postgres://u:canary%ZZ@a/db",
    "postgres://canary%:p@a/db",
    "postgres://u:canary@a,b/db?target_session_attrs=any",
    "postgres://u:canary@a,b/db?target_session_attrs=prefer-standby",
    `postgres://u:canary@${"a,".repeat(8)}a/db`,
  ])("%s is refused without being repeated", (url) => {
    const said = readPostgresAddress(url)
    expect(Result.isFailure(said)).toBe(true)
    expect(JSON.stringify(said)).not.toContain("canary")
  })

  it("leaves the driver everything but the servers and what is asked of them", () => {
    const read = readPostgresAddress(
      "postgres://u:p%40@a:1,b/db?target_session_attrs=primary&sslmode=require",
    )
    expect(Result.getOrThrow(read).url).toBe("postgres://u:p%40@a:1/db?sslmode=require")
  })
})

describe("of several servers", () => {
  const server = (host: string, timeline: number, isReadOnly = false, started = host) => ({
    place: { host, port: 5432 },
    timeline,
    isReadOnly,
    started,
    waiting: 0,
  })
  it.each([
    ["a standby is none", [server("a", 0)], 0, []],
    ["the one of the latest promotion counts", [server("a", 1), server("b", 2)], 1, ["b"]],
    ["one that was replaced does not count while the new one is away", [server("a", 1)], 2, []],
    ["one that can be written to comes first", [server("a", 2, true), server("b", 2)], 0, ["b"]],
    ["two of one promotion cannot be told apart", [server("a", 2), server("b", 2)], 0, ["a", "b"]],
    ["one with two names is one", [server("a", 2), server("alias", 2, false, "a")], 0, ["a"]],
  ])("%s", (_, found, timelineMin, chosen) =>
    expect(primariesAmong(found, timelineMin).map(({ place }) => place.host)).toEqual(chosen),
  )
})
