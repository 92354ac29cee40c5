/** What no client sends by mistake: bytes that are not HTTP, or that two servers may read in two ways. */
import { gzipSync } from "node:zlib"
import type { Chance } from "./chance.ts"
import type { FuzzRequest, Header } from "./request.ts"

type Hostility = readonly [what: string, make: (base: FuzzRequest, chance: Chance) => Partial<FuzzRequest>]

/** A base that is not run as a change of a signed report: nobody has its secret here. */
export const hostile = (base: FuzzRequest, chance: Chance): FuzzRequest => {
  const [what, make] = chance.pick(hostilities)
  const by = make(base, chance)
  const signed = base.signedWith === undefined ? {} : { signedWith: "wrong" }
  return { ...base, ...signed, expects: "any", ...by, kind: "hostile", changes: [...base.changes, what] }
}

const added = ({ headers }: FuzzRequest, ...more: ReadonlyArray<Header>): ReadonlyArray<Header> => [
  ...headers,
  ...more,
]

const methods = [
  "PUT",
  "PATCH",
  "OPTIONS",
  "TRACE",
  "get",
  "FOO",
  "PROPFIND",
  "HEAD",
  "POST",
  "DELETE",
  "GET",
]
const targets = [
  "*",
  "//payout-batches",
  "/payout-batches/",
  "/payout-batches/../admin/audit",
  "/payout-batches/%2e%2e/admin/audit",
  "/payout%2Dbatches",
  "/payout-batches;x=1",
  "/payout-batches\\x",
  "http://127.0.0.1/payout-batches",
  "http://evil.example/payout-batches",
  "127.0.0.1:80",
  "/%00",
  "/ payout-batches",
  "/payout-batches#x",
  "/\u00e9",
  "",
]
const lengths = [
  "-1",
  "+5",
  "0x10",
  "1e2",
  "5, 5",
  "5, 6",
  "99999999999999999999",
  "",
  " ",
  "50331649",
  "100663297",
  "x",
  "1 1",
]
const names = ["X Y", "X:Y", "X\u0000Y", "\u00e9", "", "X\tY", "(x)", "Transfer-Encoding ", " Content-Length"]
const transferEncodings = [
  "chunked",
  "identity",
  "chunked, chunked",
  "gzip, chunked",
  "xchunked",
  " chunked",
  "chunked\u000b",
  "CHUNKED",
]

/** A text of zeros that is small until it is inflated, in bytes. */
const bomb = (bytes: number): Buffer => gzipSync(Buffer.alloc(bytes, " "), { level: 9 })
const MIB = 1024 * 1024
let bombs: ReadonlyArray<Buffer> | undefined
/** Below and beyond the bound for all forms but XML. They take a while to make. */
const bombsOf = (): ReadonlyArray<Buffer> => {
  bombs ??= [bomb(4 * MIB), bomb(49 * MIB)]
  return bombs
}

const raw = (text: string): Partial<FuzzRequest> => ({ raw: Buffer.from(text, "latin1") })

const hostilities: ReadonlyArray<Hostility> = [
  ["an odd method", (_, chance) => ({ method: chance.pick(methods), expects: "problem" })],
  ["an odd method", (_, chance) => ({ method: chance.pick(methods), expects: "problem" })],
  // Who is asked for a tunnel may hang up.
  ["a tunnel", () => ({ method: "CONNECT" })],
  ["an odd target", (_, chance) => ({ path: chance.pick(targets), query: [] })],
  [
    "an odd version",
    (_, chance) => ({
      version: chance.pick(["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 x", "http/1.1", ""]),
    }),
  ],
  [
    "an odd length",
    (base, chance) => ({ headers: added(base, ["Content-Length", chance.pick(lengths)]), cutsOff: true }),
  ],
  [
    "two lengths",
    (base) => ({ headers: added(base, ["Content-Length", "3"], ["Content-Length", "4"]), cutsOff: true }),
  ],
  [
    "a length and chunks",
    (base, chance) => ({
      headers: added(base, ["Content-Length", "5"], ["Transfer-Encoding", chance.pick(transferEncodings)]),
      cutsOff: true,
    }),
  ],
  [
    "chunks that are none",
    (base) => ({ headers: added(base, ["Transfer-Encoding", "chunked"]), cutsOff: true }),
  ],
  ["an odd name of a header", (base, chance) => ({ headers: added(base, [chance.pick(names), "x"]) })],
  [
    "an odd value of a header",
    (base, chance) => ({
      headers: added(base, [
        "X-Odd",
        chance.pick(["\u0000", "\n y: z", "\r\n\r\nGET / HTTP/1.1", "\u007f", "\u00ff".repeat(100)]),
      ]),
    }),
  ],
  ["a folded header", (base) => ({ headers: added(base, ["X-Folded", "a\r\n b"]) })],
  ["a long header", (base) => ({ headers: added(base, ["X-Long", "x".repeat(20_000)]) })],
  [
    "many headers",
    (base) => ({
      headers: added(base, ...Array.from({ length: 3_000 }, (_, at) => [`X-${at}`, "x"] as const)),
    }),
  ],
  ["two hosts", (base) => ({ headers: added(base, ["Host", "a"], ["Host", "b"]) })],
  [
    "an odd host",
    (base, chance) => ({
      headers: added(base, [
        "Host",
        chance.pick(["", "a b", "evil.example", "[::1", "a,b", "x".repeat(500), "\u00e9"]),
      ]),
    }),
  ],
  [
    "two idempotency keys",
    (base) => ({
      headers: added(base, ["Idempotency-Key", "a"], ["Idempotency-Key", "b"]),
      expects: "document",
    }),
  ],
  [
    "no end of the body",
    (base) => ({
      headers: added(base, ["Content-Length", String((base.body?.length ?? 0) + 10)]),
      cutsOff: true,
    }),
  ],
  [
    "another request behind it",
    (base) => ({ headers: added(base, ["Connection", "keep-alive"], ["Content-Length", "0"]) }),
  ],
  [
    "inflates to much",
    (base, chance) => ({
      body: base.body === undefined ? undefined : bombsOf()[chance.isTrue(0.9) ? 0 : 1],
      coding: "identity",
      headers: base.body === undefined ? base.headers : added(base, ["Content-Encoding", "gzip"]),
      expects: "document",
    }),
  ],
  ["raw bytes", (_, chance) => ({ raw: Buffer.from(Array.from({ length: 100 }, () => chance.below(256))) })],
  ["nothing", () => ({ raw: Buffer.from("\r\n\r\n"), cutsOff: true })],
  [
    "half a head",
    (base) => ({ ...raw(`${base.method} ${base.path} HTTP/1.1\r\nHost: a\r\nX-`), cutsOff: true }),
  ],
  ["HTTP/2", () => raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
  ["TLS", () => raw("\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003")],
  ["a bare line feed", (base) => raw(`${base.method} ${base.path} HTTP/1.1\nHost: a\nConnection: close\n\n`)],
  [
    "smuggled by chunks",
    (base) =>
      raw(
        `POST ${base.path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\nConnection: close\r\n\r\n5c\r\nGET /admin/audit HTTP/1.1\r\n\r\n0\r\n\r\n`,
      ),
  ],
  [
    "odd chunks",
    (base, chance) =>
      raw(
        `POST ${base.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {{key:clerk}}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chance.pick(["-1", "0x2", "ffffffffffffffff", "2;x=y", "2 ", "", "g"])}\r\n{}\r\n0\r\n\r\n`,
      ),
  ],
]
