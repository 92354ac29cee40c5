/** The service as a process of its own, with NODE_ENV=production and what it must not start with. */
import { createServer } from "node:net"
import { expect, it } from "vitest"
import { freePort, Service } from "../platform-under-test.ts"

it("a production start refuses everything weak at once, by name, and has connected to nobody", async () => {
  let connections = 0
  const store = createServer((socket) => {
    connections += 1
    socket.destroy()
  }).listen(0, "127.0.0.1")
  await new Promise((listening) => store.once("listening", listening))
  const address = store.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const at = `127.0.0.1:${address.port}`
  const service = new Service({
    NODE_ENV: "production",
    PORT: String(await freePort()),
    API_KEYS: "acme=canary-key-41c8",
    MASTER_KEYS: `k1=${Buffer.alloc(32).toString("base64")}`,
    REDIS_URL: `redis://${at}`,
    DATABASE_URL: `postgres://atlaspay:atlaspay@${at}/atlaspay`,
    NATS_URL: `nats://${at}`,
    COMPLIANCE_URL: "http://compliance.io",
    LEDGER_URL: "https://ledger.io",
    BANKS: "north=https://sandbox.north.io",
    BANK_ROUTES: "*=north",
    BANK_CALLBACK_SECRET: "whsec_YXRsYXNwYXktc2FuZGJveC1jYWxsYmFja3Mh",
    WEBHOOKS_ALLOW_PRIVATE: "true",
    CRASH_AT: "after-intent:1",
  })
  expect(await service.ended).toBe(1)
  store.close()
  const said = service.lines.join("\n")
  for (const setting of [
    "API_KEYS",
    "MASTER_KEYS",
    "DATABASE_URL",
    "BANK_CALLBACK_SECRET",
    "CRASH_AT",
    "PUBLIC_URL",
  ])
    expect(said).toContain(setting)
  for (const check of ["plain-http", "play-host", "private-webhooks", "known-secret", "weak-secret"])
    expect(said).toContain(check)
  expect(said).not.toContain("canary-key")
  expect(said).not.toContain("whsec_")
  expect(connections).toBe(0)
}, 30_000)
