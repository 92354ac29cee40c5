/**
 * The dashboards on a real Prometheus, which watches a service that pays: it understands every query of every panel, and those that the
 * day of a demo fills have data. What needs a fault, a policy or a setting says so (`silentUnless`).
 */

import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "vitest"
import { boards } from "../../infra/grafana/dashboards.ts"
import { API_KEY, eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { type Prometheus, startPrometheus } from "./prometheus.ts"

const queries = boards.flatMap(({ name, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map((query) => ({ where: `${name} / ${title}`, ...query })),
    ),
  ),
)

/** As Grafana fills them in. */
const filled = (expr: string): string =>
  expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "15m").replaceAll("$job", ".+")

const hasData = async (prometheus: Prometheus, expr: string): Promise<boolean> =>
  (await prometheus.query(filled(expr))).some(({ value }) => Number.isFinite(Number(value?.[1])))

/** Takes every webhook. */
const openReceiver = async () => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(204).end())
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() }
}

const batch = (run: number) => ({
  items: ["Erika Muster", "Max Mustermann", "Ines Insufficient"].map((name, index) => ({
    reference: `run-${run}-${index}`,
    amount: { currency: "EUR", value: "12.50" },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

describe("the dashboards", () => {
  it("ask what Prometheus understands, and show a day of payouts", async () => {
    const receiver = await openReceiver()
    await using platform = await PlatformUnderTest.open({ ARCHIVE_AFTER_MS: "1" })
    const service = await platform.start()
    await using prometheus = await startPrometheus([service.operationsUrl])
    const endpoint = await fetch(`${platform.url}/webhook-endpoints`, {
      method: "POST",
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ url: receiver.url }),
    })
    expect(endpoint.status).toBe(201)
    for (const { where, expr } of queries)
      await expect(prometheus.query(filled(expr)), `${where}: ${expr}`).resolves.toBeDefined()
    const silent = new Set(queries.filter(({ silentUnless }) => silentUnless === undefined))
    let run = 0
    await eventually(
      "every query has had data",
      async () => {
        await platform.closed(await platform.submit(`dashboards-${++run}`, batch(run)))
        for (const query of silent) if (await hasData(prometheus, query.expr)) silent.delete(query)
        if (silent.size > 0)
          throw new Error([...silent].map(({ where, expr }) => `${where}: ${expr}`).join("\n"))
        return true
      },
      180_000,
    )
    receiver.close()
  })
})
