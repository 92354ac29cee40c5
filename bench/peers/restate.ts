/** Restate: a service handler per batch, a journalled `ctx.run` per call, the transfers side by side. See README.md. */
import { once } from "node:events"
import { createServer, type Http2Server } from "node:http2"
import { type Context, createEndpointHandler, RestatePromise, service } from "@restatedev/restate-sdk"
import { connect } from "@restatedev/restate-sdk-clients"
import { measure } from "./measure.ts"
import { startRestateServer } from "./restate-server.ts"
import type { Work } from "./work.ts"

/** More partitions than this only write more often on a machine with two cores. */
const SETTINGS = "default-num-partitions = 4"

const settlementService = (work: Work, items: number) =>
  service({
    name: "settlement",
    handlers: {
      settle: async (ctx: Context, batch: string): Promise<void> => {
        await ctx.run("clearance", () => work.clear(batch))
        await RestatePromise.all(
          Array.from({ length: items }, (_, item) =>
            ctx.run(`transfer ${item}`, () => work.transfer(batch, item)),
          ),
        )
        await ctx.run("posting", () => work.post(batch))
      },
    },
  })

/** Serves the handlers over HTTP/2, on the loopback interface only, and returns the URL. */
const listen = async (server: Http2Server): Promise<string> => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the endpoint has no port")
  return `http://127.0.0.1:${address.port}`
}

const register = async (adminUrl: string, uri: string): Promise<void> => {
  const response = await fetch(`${adminUrl}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri }),
  })
  if (!response.ok) throw new Error(`the endpoint was not registered: ${await response.text()}`)
}

await measure("restate", async (work, { items }) => {
  const settlement = settlementService(work, items)
  const quiet = () => undefined
  const endpoint = createServer(createEndpointHandler({ services: [settlement], logger: quiet }))
  const server = await startRestateServer(SETTINGS)
  await register(server.adminUrl, await listen(endpoint))
  const client = connect({ url: server.ingressUrl }).serviceClient(settlement)
  return {
    run: (batch) => client.settle(batch),
    serverPids: [server.pid],
    close: async () => {
      await server.stop()
      endpoint.close()
    },
  }
})
