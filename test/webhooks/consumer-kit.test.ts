/** The receivers in examples/, as processes of their own, on real webhooks and real NATS. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { it as alone, assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { layerWith } from "../../src/webhooks/webhooks.ts"
import { freePort } from "../platform-under-test.ts"
import { deliveryRows, eventsOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const receivers = ["webhook-receiver.ts", "webhook-receiver-hono.ts"] as const
const RETRY_DELAYS_MS = Array<number>(40).fill(250)

/** Dies instead of the first answer, when the event is stored already. */
const dieBeforeAnswer = `data:text/javascript,${encodeURIComponent(`
  import { ServerResponse } from "node:http"
  ServerResponse.prototype.writeHead = () => process.kill(process.pid, "SIGKILL")
`)}`

/** An example that runs, and the lines that it printed. */
const run = (
  example: string,
  file: string,
  env: Readonly<Record<string, string>>,
  ...flags: ReadonlyArray<string>
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child: ChildProcess = spawn(process.execPath, [...flags, `examples/${example}`, file], {
        cwd: root,
        env: { PATH: process.env.PATH, ...env },
      })
      const lines: Array<string> = []
      for (const stream of [child.stdout, child.stderr])
        stream
          ?.setEncoding("utf8")
          .on("data", (text: string) => lines.push(...text.split("\n").filter(Boolean)))
      return { child, lines, ended: once(child, "exit") }
    }),
    ({ child, ended }) =>
      Effect.promise(async () => {
        child.kill("SIGKILL")
        await ended
      }),
  )

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "kit-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true })),
)

const handled = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => (line.startsWith("handled ") ? [line.split(" ")[1]] : []))

const has = (lines: ReadonlyArray<string>, line: string) => until(Effect.sync(() => lines.includes(line)))

layer(layerWith(RETRY_DELAYS_MS).pipe(Layer.provideMerge(webhookPlatform())), {
  excludeTestServices: true,
  timeout: 60_000,
})("the consumer kit", (it) => {
  it.effect.each(receivers)(
    "%s verifies, survives its death before the answer, drops repetitions, notices gaps",
    (example) =>
      Effect.gen(function* () {
        const partner = example.replaceAll(/\W/g, "-")
        const file = join(yield* folder, "events.sqlite")
        const port = String(yield* Effect.promise(() => freePort()))
        const url = `http://127.0.0.1:${port}/hooks`
        const { secret, endpoint } = yield* (yield* WebhookEndpoints).create({ partner, url })
        const env = { WEBHOOK_SECRET: secret, PORT: port }
        const events = eventsOf(partner)
        const [first, missing, ...others] = events
        assert(first && missing)

        const dying = yield* run(example, file, env, "--import", dieBeforeAnswer)
        yield* has(dying.lines, "ready")
        yield* publish([first])
        yield* Effect.promise(() => dying.ended)
        assert.deepStrictEqual(handled(dying.lines), [])

        const { lines } = yield* run(example, file, env)
        yield* has(lines, `again ${first.id}`)
        yield* publish(others)
        yield* has(lines, `gap ${first.data.batchId} lacks 2`)
        yield* publish([missing])
        yield* until(
          Effect.map(
            deliveryRows(endpoint.id),
            (rows) => rows.filter(({ state }) => state === "delivered").length === events.length,
          ),
        )
        yield* until(Effect.sync(() => handled(lines).length === events.length))
        assert.sameMembers(
          handled(lines),
          events.map(({ id }) => id),
        )

        // It belongs to no batch.
        const tested = yield* (yield* WebhookEndpoints).test(partner, endpoint.id)
        yield* has(lines, `handled ${tested.event} com.atlaspay.webhook-endpoint.test.v1`)

        const forged = yield* Effect.promise(() =>
          fetch(url, {
            method: "POST",
            body: JSON.stringify({ ...first, id: "forged" }),
            headers: {
              "webhook-id": "forged",
              "webhook-timestamp": `${Math.floor(Date.now() / 1_000)}`,
              "webhook-signature": "v1,AAAA",
            },
          }),
        )
        assert.strictEqual(forged.status, 400)
        const large = yield* Effect.promise(() =>
          fetch(url, { method: "POST", body: "x".repeat(300_000) }).then(({ status }) => status),
        )
        assert.strictEqual(large, 413)
        assert.notInclude(handled(lines), "forged")
      }),
  )

  it.effect("nats-subscriber.ts goes on where it was killed, drops repetitions and notices gaps", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "events.sqlite")
      const { stream } = (yield* AppConfig).nats
      const env = { NATS_URL: inject("natsUrl"), NATS_STREAM: stream, PARTNER: "subscriber" }
      const events = eventsOf("subscriber", 20)
      const [first, missing, ...others] = events
      assert(first && missing)
      yield* publish([first, first])
      const killed = yield* run("nats-subscriber.ts", file, env)
      yield* has(killed.lines, `again ${first.id}`)
      killed.child.kill("SIGKILL")
      yield* Effect.promise(() => killed.ended)

      // It belongs to no batch, and must not hold up what is behind it.
      const { create, setState } = yield* WebhookEndpoints
      const { endpoint } = yield* create({ partner: "subscriber", url: "http://127.0.0.1:1/" })
      const { since } = yield* setState("subscriber", endpoint.id, "disabled")
      const ids = [...events.map(({ id }) => id), `${endpoint.id}:disabled:${since.getTime()}`]
      yield* publish([...others, missing])
      const { lines } = yield* run("nats-subscriber.ts", file, env)
      yield* has(lines, `gap ${first.data.batchId} lacks 2`)
      const all = () => [...handled(killed.lines), ...handled(lines)]
      yield* until(Effect.sync(() => all().length === ids.length))
      assert.sameMembers(all(), ids)
    }),
  )
})

alone("each example has less than 60 lines", () => {
  for (const example of [...receivers, "nats-subscriber.ts", "received-events.ts"])
    assert.isBelow(readFileSync(join(root, "examples", example), "utf8").split("\n").length, 60, example)
})
