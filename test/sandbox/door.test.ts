import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"

let sandbox: Sandbox
let north: string
beforeAll(async () => {
  sandbox = await startSandbox({ doors: { north: { oauth2: { clientId: "atlas", clientSecret: "one" } } } })
  north = sandbox.urls.banks.north
})
afterAll(() => sandbox.close())

const tokenFor = (body: ReadableStream | string) =>
  fetch(`${north}/oauth/token`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from("atlas:one").toString("base64")}` },
    body,
    duplex: "half",
  } as RequestInit)

describe("the door of a sandbox server", () => {
  it("lets in who shows the token that it issued", async () => {
    const granted = await tokenFor("grant_type=client_credentials")
    const { access_token } = (await granted.json()) as { access_token: string }
    const books = (token: string) =>
      fetch(`${north}/books`, { headers: { authorization: `Bearer ${token}` } })
    expect((await books(access_token)).status).toBe(200)
    expect((await books("another")).status).toBe(401)
  })

  it("reads no more than 8 MB of a request, also of one for a token that does not announce its length", async () => {
    const huge = new Blob([`grant_type=client_credentials&x=${"x".repeat(9 * 1024 * 1024)}`])
    expect((await tokenFor(huge.stream())).status).toBe(413)
  })
})
