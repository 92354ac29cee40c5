import { createSocket } from "node:dgram"
import { Resolver } from "node:dns/promises"
import { once } from "node:events"
import { afterAll, beforeAll, expect, it } from "vitest"
import { publicLookup } from "../../src/webhooks/public-lookup.ts"

/** Answers questions for IPv4 addresses; names that begin with "hang" get no answer, and others have no IPv6 address. */
const startNameServer = async (addresses: Readonly<Record<string, ReadonlyArray<string>>>) => {
  const server = createSocket("udp4")
  const asked: Array<string> = []
  server.on("message", (question, { port, address }) => {
    const labels: Array<string> = []
    let at = 12
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString("latin1", at + 1, at + 1 + length))
      at += 1 + length
    }
    const name = labels.join(".")
    asked.push(name)
    if (name.startsWith("hang")) return
    const isForIpv4 = question.readUInt16BE(at + 1) === 1
    const found = isForIpv4 ? (addresses[name] ?? []) : []
    const answers = found.map((one) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...one.split(".").map(Number)]),
    )
    const header = Buffer.from([
      0x81,
      addresses[name] === undefined ? 0x83 : 0x80,
      0,
      1,
      0,
      found.length,
      0,
      0,
      0,
      0,
    ])
    server.send(
      Buffer.concat([question.subarray(0, 2), header, question.subarray(12, at + 5), ...answers]),
      port,
      address,
    )
  })
  server.bind(0, "127.0.0.1")
  await once(server, "listening")
  return { server, asked, where: `127.0.0.1:${server.address().port}` }
}

let names: Awaited<ReturnType<typeof startNameServer>>
const resolver = new Resolver({ timeout: 300, tries: 1 })
beforeAll(async () => {
  names = await startNameServer({
    "public.example.com": ["1.1.1.1", "1.0.0.1"],
    "mixed.example.com": ["1.1.1.1", "10.0.0.1"],
    "metadata.example.com": ["169.254.169.254"],
  })
  resolver.setServers([names.where])
})
afterAll(() => names.server.close())

const resolve = (name: string) =>
  new Promise((resolved) =>
    publicLookup(resolver)(name, { all: true }, (error, found) =>
      resolved(error === null ? found : error.code),
    ),
  )

it("a name is resolved to its addresses", async () => {
  expect(await resolve("public.example.com")).toEqual([
    { address: "1.1.1.1", family: 4 },
    { address: "1.0.0.1", family: 4 },
  ])
})

it.each(["mixed.example.com", "metadata.example.com"])(
  "a name with a private address is refused: %s",
  async (name) => {
    expect(await resolve(name)).toBe("the address is not public")
  },
)

it("a name that is not there is told", async () => {
  expect(await resolve("nobody.example.com")).toBe("ENOTFOUND")
})

it("names whose servers never answer hold up no other", async () => {
  let over = 0
  const hanging = Array.from({ length: 64 }, (_, index) =>
    resolve(`hang-${index}.example.com`).finally(() => {
      over += 1
    }),
  )
  while (names.asked.filter((name) => name.startsWith("hang")).length < 64) await new Promise(setImmediate)
  expect(await resolve("public.example.com")).toHaveLength(2)
  expect(over).toBe(0)
  expect(new Set(await Promise.all(hanging))).toEqual(new Set(["ETIMEOUT"]))
})
