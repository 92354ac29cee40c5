/** Load on a small server of the test's own, which notes what it gets. */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { type Answers, type Load, offer } from "../../bench/load.ts"

const bodies = [Buffer.from('{"a":1}'), Buffer.from('{"b":2}')]

interface Noted {
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** Offers a load to a server that answers as told, and gives what both sides saw. */
const offerTo = async (
  answer: (response: ServerResponse, nth: number) => void,
  load: Pick<Load, "connections" | "until">,
): Promise<{ readonly answers: Answers; readonly noted: ReadonlyArray<Noted> }> => {
  const noted: Array<Noted> = []
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join("")
    answer(response, noted.push({ headers: request.headers, body }))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  try {
    const target = { url: `http://127.0.0.1:${address.port}/payout-batches`, apiKey: "key" }
    return { answers: await Effect.runPromise(offer(target, { ...load, bodies, keyPrefix: "run" })), noted }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const accept = (response: ServerResponse) => void response.writeHead(202).end("{}")

describe("a load", () => {
  it("gives every request an idempotency key of its own, and the bodies in turn", async () => {
    const { answers, noted } = await offerTo(accept, { connections: 5, until: { requests: 40 } })
    expect(answers.latenciesMs.length).toBe(40)
    expect(answers.failures).toEqual({})
    const keys = noted.map(({ headers }) => headers["idempotency-key"])
    expect(new Set(keys)).toEqual(new Set(Array.from({ length: 40 }, (_, index) => `run-${index + 1}`)))
    expect(new Set(noted.map(({ body }) => body))).toEqual(new Set(bodies.map(String)))
    expect(noted[0]?.headers).toMatchObject({
      authorization: "Bearer key",
      "content-type": "application/json",
    })
  })

  it("sends for as long as asked, and waits for the answers that are slower than that", async () => {
    const slowly = (response: ServerResponse) => void setTimeout(() => accept(response), 400)
    const { answers, noted } = await offerTo(slowly, { connections: 4, until: { seconds: 0.2 } })
    expect(noted.length).toBe(4)
    expect(answers.latenciesMs.length).toBe(4)
    expect(Math.min(...answers.latenciesMs)).toBeGreaterThan(390)
    expect(answers.seconds).toBeGreaterThan(0.39)
    expect(answers.seconds).toBeLessThan(20)
  })

  it("counts what was refused by status, and not among the times", async () => {
    const { answers } = await offerTo((response, nth) => void response.writeHead(nth % 4 ? 202 : 503).end(), {
      connections: 1,
      until: { requests: 8 },
    })
    expect(answers.failures).toEqual({ 503: 2 })
    expect(answers.latenciesMs.length).toBe(6)
  })

  it("counts connections that break", async () => {
    const { answers } = await offerTo(
      (response, nth) => (nth === 2 ? response.socket?.resetAndDestroy() : accept(response)),
      { connections: 1, until: { requests: 4 } },
    )
    expect(answers.failures).toEqual({ connection: 1 })
  })
})
