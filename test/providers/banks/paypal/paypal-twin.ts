/** A twin of PayPal for each test, which judges by PayPal's document, and banks of tests in front of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, beforeEach, expect } from "vitest"
import { ProviderUnavailable } from "../../../../src/providers/calling/provider-error.ts"
import { type Sandbox, startSandbox } from "../../../../src/sandbox/sandbox.ts"
import { isPublishedDataThere, publishedFile } from "../../../published-data.ts"
import { type ConnectedDatabase, connectedDatabase } from "../files/connected-database.ts"
import { type Changed, PayoutsUnderTest } from "./payouts-under-test.ts"

const credentials = { clientId: "atlas", clientSecret: "a-secret-of-the-twin" }

interface Books {
  readonly paidTwice: number
  readonly payments: ReadonlyArray<{ readonly reference: string }>
  readonly transfers: ReadonlyArray<{ readonly reference: string; readonly status: string }>
  readonly outstanding: number
}

/** Registers what the tests of a file need, and gives what they ask the twin. */
export const payPalTwin = () => {
  const folder = mkdtempSync(join(tmpdir(), "paypal-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const secretFile = join(folder, "secret")
  let database: ConnectedDatabase
  let sandbox: Sandbox
  let url: string
  beforeAll(async () => {
    writeFileSync(secretFile, credentials.clientSecret, { mode: 0o600 })
    database = await connectedDatabase()
  })
  afterAll(() => database.drop())

  /** A twin of its own for each test, because a payout batch has the same id in each. */
  beforeEach(async () => {
    sandbox = await startSandbox({
      twins: ["paypal"],
      doors: { paypal: { oauth2: credentials } },
      ...(isPublishedDataThere && { documents: publishedFile("openapi") }),
    })
    url = sandbox.urls.twins?.paypal ?? ""
    return () => sandbox.close()
  })

  const open = (own: Readonly<Record<string, unknown>> = {}) => {
    const auth = {
      kind: "oauth2",
      tokenUrl: `${url}/oauth/token`,
      clientId: credentials.clientId,
      clientSecret: { file: secretFile },
    }
    return new PayoutsUnderTest(database, { url, auth, ...own })
  }

  /** The twin is asked as by its client. */
  const json = async (path: string) => {
    const body = new URLSearchParams({ grant_type: "client_credentials" })
    const authorization = `Basic ${Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString("base64")}`
    const issued = await fetch(`${url}/oauth/token`, { method: "POST", headers: { authorization }, body })
    const { access_token: token } = (await issued.json()) as { readonly access_token: string }
    return (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })).json()
  }
  const books = async () => (await json("/books")) as Books
  const paid = async () => (await books()).payments.map(({ reference }) => reference).sort()
  const settled = () => expect.poll(async () => (await books()).outstanding).toBe(0)
  const breaches = async () =>
    isPublishedDataThere ? await json("/sandbox/breaches") : { count: 0, shown: [] }
  return { open, books, paid, settled, breaches }
}

export const lost = new ProviderUnavailable({
  provider: "paypal",
  reason: "the answer was lost",
  kind: "timed-out",
})
export const losingAnswers: Changed = (api) => ({
  ...api,
  create: (...given) => Effect.andThen(api.create(...given), Effect.fail(lost)),
})
export const neverArriving: Changed = (api) => ({ ...api, create: () => Effect.fail(lost) })
