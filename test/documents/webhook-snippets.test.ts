/** The programs of docs/WEBHOOKS.md, run as they are written there. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Redacted } from "effect"
import { afterEach, expect, it } from "vitest"
import { signedWebhookHeaders } from "../../src/platform/standard-webhooks.ts"
import { newSigningKey, publicKeyOf } from "../../src/platform/webhook-signing-key.ts"
import { freePort } from "../platform-under-test.ts"

const root = join(import.meta.dirname, "../..")
const [receiver = "", asymmetric = ""] = [
  ...readFileSync(join(root, "docs/WEBHOOKS.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm),
].map(([, program]) => program)

const newSecret = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`
const body = '{"id":"pb_x:1","name":"Žofia"}'
const headersOf = (secret: string, ...besides: ReadonlyArray<string>) =>
  signedWebhookHeaders(
    Redacted.make(secret),
    { id: "pb_x:1", atS: Math.floor(Date.now() / 1_000), body },
    besides.map((one) => Redacted.make(one)),
  )

let running: ChildProcess | undefined

afterEach(async () => {
  if (running === undefined) return
  const ended = once(running, "exit")
  running.kill("SIGKILL")
  await ended
  running = undefined
})

it("the receiver answers 204 to what either secret signed, and keeps it, and 400 to anything else", async () => {
  const port = await freePort()
  const program = `const store = async (id) => console.log(id)\n${receiver.replace("3000", String(port))}`
  running = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    cwd: root,
    env: { PATH: process.env.PATH, WEBHOOK_SECRET: newSecret(1) },
    stdio: ["ignore", "pipe", "inherit"],
  })
  let printed = ""
  running.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed += text
  })
  const post = async (headers: Readonly<Record<string, string>>, sent = body): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: sent, headers }).catch(
      () => sleep(20),
    )
    if (answer !== undefined) return answer.status
    if (running?.exitCode !== null) throw new Error("the receiver ended")
    return post(headers, sent)
  }
  expect(await post(headersOf(newSecret(1)))).toBe(204)
  expect(await post(headersOf(newSecret(2), newSecret(1), newSigningKey()))).toBe(204)
  expect(await post(headersOf(newSecret(2)))).toBe(400)
  expect(await post(headersOf(newSecret(1)), `${body} `)).toBe(400)
  expect(printed).toBe("pb_x:1\npb_x:1\n")
})

it("the check of an asymmetric signature knows a live key from others", async () => {
  const [current, previous, stranger] = [newSigningKey(), newSigningKey(), newSigningKey()]
  const isGenuine = async (sent: string, ...keys: ReadonlyArray<string>): Promise<boolean> => {
    const live = [current, previous].map((key) => publicKeyOf(Redacted.make(key)))
    const jwks = { keys: live.map(({ x }) => ({ kty: "OKP", crv: "Ed25519", x })) }
    const inputs = { jwks, headers: headersOf(newSecret(1), ...keys), body: sent }
    const program = `const { jwks, headers, body } = ${JSON.stringify(inputs)}\n${asymmetric}\nexport { isGenuine }`
    return (await import(`data:text/javascript,${encodeURIComponent(program)}`)).isGenuine
  }
  expect(await isGenuine(body, current)).toBe(true)
  expect(await isGenuine(body, stranger, previous)).toBe(true)
  expect(await isGenuine(body, stranger)).toBe(false)
  expect(await isGenuine(body)).toBe(false)
  expect(await isGenuine(`${body} `, current)).toBe(false)
})
