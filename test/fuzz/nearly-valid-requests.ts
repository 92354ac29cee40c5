/** A valid request with one change of its body, its query, its path or its headers. HTTP permits all of them. */
import { changedBytes, changedJson } from "./body-changes.ts"
import type { Chance } from "./chance.ts"
import type { FuzzRequest, Header } from "./request.ts"
import { shallowJson } from "./shallow-json.ts"

/**
 * What no change touches in a signed report: the version of a list that is in force decides what may be paid, and who has the
 * secret may set it.
 */
const kept = /listVersion/

/** `base` with one change. */
export const nearlyValid = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  const changes: ReadonlyArray<(base: FuzzRequest, chance: Chance) => FuzzRequest> = [
    ...(base.body === undefined ? [] : [ofBody, ofBody, ofBody, ofBody, ofForm]),
    ofQuery,
    ofPath,
    ofHeaders,
    ofHeaders,
  ]
  return { ...chance.pick(changes)(base, chance), kind: "nearly valid" }
}

const changed = (base: FuzzRequest, what: string, by: Partial<FuzzRequest>): FuzzRequest => ({
  ...base,
  ...by,
  changes: [...base.changes, what],
})

const ofBody = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  const { body = Buffer.alloc(0) } = base
  const isSigned = base.signedWith !== undefined
  if (shallowJson(body) !== undefined && (isSigned || chance.isTrue(0.7))) {
    const { what, body: after } = changedJson(body, chance, isSigned ? kept : undefined)
    return changed(base, what, { body: after })
  }
  const { what, body: after } = changedBytes(body, chance)
  return changed(base, what, { body: after, ...(isSigned ? { signedWith: "wrong" } : {}) })
}

/** How the body is said to be written and coded. */
const forms: ReadonlyArray<readonly [string, (base: FuzzRequest) => Partial<FuzzRequest>]> = [
  ["gzip", () => ({ coding: "gzip" })],
  ["gzip that is cut short", () => ({ coding: "truncated-gzip" })],
  ["gzip that is none", (base) => ({ headers: with_(base, "Content-Encoding", "gzip") })],
  ["deflate", (base) => ({ headers: with_(base, "Content-Encoding", "deflate") })],
  ["two codings", (base) => ({ headers: with_(base, "Content-Encoding", "gzip, gzip") })],
  ["identity", (base) => ({ headers: with_(base, "Content-Encoding", "identity") })],
  ["chunked", () => ({ isChunked: true })],
  ["no content type", (base) => ({ headers: without(base, "content-type") })],
  ...[
    "text/plain",
    "application/JSON",
    "application/json; charset=utf-16",
    "application/json; charset=latin1",
    'application/json; charset="utf-8"',
    "application/json; charset=utf-8; charset=utf-16",
    "application/vnd.api+json",
    "text/csv; charset=windows-1252",
    "text/csv; charset=no-such-charset",
    "application/x-ndjson",
    "application/xml; charset=utf-16",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    ";",
    "a/b/c",
    `application/json; x="${"y".repeat(2_000)}"`,
  ].map(
    (type) =>
      [
        `the content type ${type.slice(0, 60)}`,
        (base: FuzzRequest) => ({ headers: with_(base, "Content-Type", type) }),
      ] as const,
  ),
]

const ofForm = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  const [what, change] = chance.pick(forms)
  return changed(base, what, change(base))
}

/** Instead of the headers of that name. */
const with_ = ({ headers }: FuzzRequest, name: string, value: string): ReadonlyArray<Header> => [
  ...headers.filter(([other]) => other.toLowerCase() !== name.toLowerCase()),
  [name, value],
]

const without = ({ headers }: FuzzRequest, name: string): ReadonlyArray<Header> =>
  headers.filter(([other]) => other.toLowerCase() !== name)

const strangeArguments = [
  "",
  "0",
  "-1",
  "1",
  "501",
  "1e3",
  "1.5",
  "0x10",
  "+1",
  "%201",
  "99999999999999999999",
  "true",
  "TRUE",
  "null",
  "a,b",
  ",",
  "%00",
  "%ff%fe",
  "%ED%A0%80",
  "%F0%9F%92%B8",
  "{{batch:others}}",
  "2027-02-30",
  "%5B%5D",
  "a".repeat(257),
  "a".repeat(7_000),
  "%27%20OR%201=1--",
  "%25",
  "__proto__",
  "{{cursor:listPayoutItems:3}}",
  "{{cursor:searchPayoutItems:9}}",
  "{{cursor:listPayoutBatches:0}}",
  "{{cursor:listPayoutBatches}}",
]
const strangeNames = [
  "unknown",
  "constructor",
  "__proto__",
  "limit",
  "cursor",
  "state",
  "partner",
  "dryRun",
  "%6Cimit",
  "Limit",
  "",
  "toString",
]

const ofQuery = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  const { query } = base
  const at = chance.below(Math.max(query.length, 1))
  const one = query[at] ?? `${chance.pick(strangeNames)}=1`
  const [name = ""] = one.split("=")
  const argument = chance.pick(strangeArguments)
  const all: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["doubled", [...query, one, one]],
    ["no value", query.toSpliced(at, 1, name)],
    ["another value", query.toSpliced(at, 1, `${name}=${argument}`)],
    ["another value", query.toSpliced(at, 1, `${name}=${argument}`)],
    ["unknown", [...query, `${chance.pick(strangeNames)}=${argument}`]],
    ["many", [...query, ...Array.from({ length: 400 }, (_, number) => `p${number}=1`)]],
    ["none", []],
  ]
  const [what, after] = chance.pick(all)
  return changed(base, `query ${name.slice(0, 40)}: ${what}`, { query: after })
}

const strangeSegments = [
  "pb_none",
  "PB_NONE",
  "0",
  "-1",
  "01",
  "1e3",
  "100000",
  "100001",
  "99999999999999999999",
  "1.0",
  "__proto__",
  "constructor",
  "x".repeat(300),
  "~",
  "{{batch:others}}",
  "pb_aaaaaaaaaaaaaaaaaaaaaa",
  "PB_{{batch:closed}}",
]

const ofPath = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  const parts = base.path.split("/").slice(1)
  const at = chance.below(parts.length)
  if (at === 0 && chance.isTrue(0.5)) return ofQuery(base, chance)
  const path = `/${parts.toSpliced(at, 1, chance.pick(strangeSegments)).join("/")}`
  const isParameter = base.template.split("/")[at + 1]?.startsWith("{") === true
  // A fixed part that is changed makes it another address.
  return changed(base, `path: part ${at + 1}`, { path, expects: isParameter ? base.expects : "problem" })
}

const strangeHeaders: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  [
    "Accept",
    [
      "",
      "*",
      "text/html",
      "application/json;q=0",
      "image/png, */*;q=0",
      "a",
      "text/csv",
      "application/*",
      ",,,",
      "application/json;q=2",
      "x/".repeat(1_000),
    ],
  ],
  [
    "Idempotency-Key",
    [
      "",
      '"quoted"',
      '"',
      "'x'",
      "x".repeat(255),
      "x".repeat(256),
      "\u00e9",
      "a b",
      "a,b",
      "{{batch:closed}}",
    ],
  ],
  ["If-None-Match", ["*", '""', "W/", '"a", "b"', "x", `"${"a".repeat(5_000)}"`, ",".repeat(2_000)]],
  ["If-Match", ["*", '"x"']],
  ["If-Modified-Since", ["Sat, 01 Jan 2028 00:00:00 GMT", "x"]],
  ["Range", ["bytes=0-0", "bytes=-1", "bytes=0-,0-,0-", "items=1-2"]],
  ["Last-Event-Id", ["-1", "999999999999999999", "x", "0", ""]],
  [
    "traceparent",
    ["00-0-0-0", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "ff-x", "x".repeat(500)],
  ],
  ["X-Forwarded-For", ["127.0.0.1, x", "::1", "x".repeat(1_000)]],
  ["X-Http-Method-Override", ["DELETE"]],
  ["Origin", ["https://evil.example", "null"]],
  ["Cookie", ["a=b; ".repeat(100)]],
  ["Expect", ["100-continue", "x"]],
  ["Upgrade", ["h2c", "websocket"]],
  ["TE", ["trailers"]],
  ["Forwarded", ["for=1;by=2;host=x"]],
  [
    "Authorization",
    [
      "Bearer",
      "Bearer  ",
      "bearer {{key:clerk}}",
      "Bearer {{key:clerk}} x",
      "Bearer \u00e9",
      `Bearer ${"x".repeat(5_000)}`,
    ],
  ],
  ["webhook-timestamp", ["0", "-1", "x", "99999999999999"]],
  ["webhook-id", ["", "x".repeat(300)]],
  ["webhook-signature", ["v1,", "v1,AAAA v1a,BBBB", "x".repeat(3_000)]],
]

const ofHeaders = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  if (chance.isTrue(0.15) && base.headers.length > 0) {
    const header = chance.pick(base.headers)
    return chance.isTrue(0.5)
      ? changed(base, `${header[0]}: missing`, { headers: without(base, header[0].toLowerCase()) })
      : changed(base, `${header[0]}: twice`, { headers: [...base.headers, header] })
  }
  const [name, values] = chance.pick(strangeHeaders)
  const value = chance.pick(values)
  // A server answers an expectation that it does not know with 417, whatever the route.
  const by = name === "Expect" && value === "x" ? { expects: "any" as const } : {}
  return changed(base, `${name}: ${value.slice(0, 40)}`, { headers: with_(base, name, value), ...by })
}
