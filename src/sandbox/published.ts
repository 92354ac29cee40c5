/**
 * Twins of providers whose API is published: what they are asked and what they answer is held to the provider's own document, if the
 * sandbox was given the folder of documents. A request that breaches it is refused, and every breach is counted and shown.
 */
import { join } from "node:path"
import type { Context, Hono } from "hono"
import type { PublishedContract, PublishedRequest } from "./published-contract.ts"
import { bodyOf, type SandboxEnv } from "./request-body.ts"
import { createApp, type Published, refusal, type SandboxServer, tooLarge, unanswered } from "./server.ts"

/** Breaches that are shown; the others are counted. */
const shownMax = 100

/** The breaches of a twin's document: of requests by us, of answers by the twin itself. */
export class Breaches {
  count = 0
  readonly shown: Array<{
    readonly of: "request" | "answer" | "webhook"
    readonly problems: ReadonlyArray<string>
  }> = []

  add(of: "request" | "answer" | "webhook", at: string, problems: ReadonlyArray<string>): void {
    this.count += 1
    if (this.shown.length < shownMax)
      this.shown.push({ of, problems: problems.map((problem) => `${at} ${problem}`) })
  }
}

/** The document of a twin, and the breaches of it. */
export interface Held {
  readonly contract: PublishedContract
  readonly breaches: Breaches
}

/** The document that a twin is held to; `undefined` without a folder of documents. Rejects if it is not in the folder. */
export const heldTo = async (
  folder: string | undefined,
  published: Published | undefined,
): Promise<Held | undefined> => {
  if (folder === undefined || published === undefined) return undefined
  // Reading documents takes half a second, which a sandbox without them does not need.
  const { publishedContract } = await import("./published-contract.ts")
  return { contract: await publishedContract(join(folder, published.document)), breaches: new Breaches() }
}

/** The twin's app behind its document: `GET /sandbox/breaches` shows what was not as documented. */
export const obeying = ({ app, published }: SandboxServer, held: Held | undefined): Hono<SandboxEnv> => {
  if (held === undefined || published === undefined) return app
  const { contract, breaches } = held
  const { basePath = "", refusing } = published
  const outside = createApp()
  outside.get("/sandbox/breaches", (c) => c.json({ count: breaches.count, shown: breaches.shown }))
  outside.all("/sandbox/*", (c) => app.fetch(c.req.raw, c.env))
  outside.get("/books", (c) => app.fetch(c.req.raw, c.env))
  outside.all("/sandbox", (c) => app.fetch(c.req.raw, c.env))
  outside.all("*", async (c) => {
    const body = await bodyOf(c)
    if (body === undefined) throw refusal(413, tooLarge)
    const asked = requestOf(c, basePath, body)
    const at = `${asked.method} ${asked.path}`
    const problems = contract.ofRequest(asked)
    if (problems.length > 0) {
      breaches.add("request", at, problems)
      const [status, refused] = refusing(problems)
      return c.json(refused, status)
    }
    const answer = await app.fetch(c.req.raw, { ...c.env, body })
    if (answer === unanswered) return answer
    const text = await answer.clone().text()
    const wrong = contract.ofAnswer(asked, answer.status, text === "" ? null : JSON.parse(text))
    if (wrong.length > 0) breaches.add("answer", `${at} ${answer.status}`, wrong)
    return answer
  })
  return outside
}

const requestOf = (c: Context<SandboxEnv>, basePath: string, body: Buffer): PublishedRequest => {
  const { pathname, searchParams } = new URL(c.req.url)
  const headers = Object.entries(c.env.incoming.headers).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : [],
  )
  return {
    method: c.req.method,
    path: pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : pathname,
    query: queryOf(searchParams),
    headers: Object.fromEntries(headers),
    ...(body.length === 0 ? {} : { body: jsonOf(body) }),
  }
}

/** A parameter that comes more than once is a list. */
const queryOf = (given: URLSearchParams): PublishedRequest["query"] =>
  Object.fromEntries(
    [...new Set(given.keys())].map((name) => {
      const values = given.getAll(name)
      return [name, values.length === 1 ? (values[0] ?? "") : values]
    }),
  )

/** What is not JSON is checked as text, and so is not as documented. */
const jsonOf = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString("utf8"))
  } catch {
    return body.toString("utf8")
  }
}
