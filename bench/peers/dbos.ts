/** DBOS Transact: a workflow per batch, a step per call, the transfers side by side. See README.md. */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { Client } from "pg"
import { measure } from "./measure.ts"
import type { Work } from "./work.ts"

const DATABASE = "atlaspay_bench_dbos"
const POOL_SIZE = 50

const settlementWorkflow = (work: Work, items: number) =>
  DBOS.registerWorkflow(
    async (batch: string): Promise<void> => {
      await DBOS.runStep(() => work.clear(batch), { name: "clearance" })
      const transfers = Array.from({ length: items }, (_, item) =>
        DBOS.runStep(() => work.transfer(batch, item), { name: "transfer" }),
      )
      for (const { status } of await Promise.allSettled(transfers))
        if (status === "rejected") throw new Error(`a transfer of ${batch} failed`)
      await DBOS.runStep(() => work.post(batch), { name: "posting" })
    },
    { name: "settlement" },
  )

/** A run finds none of the workflows of the run before it, and leaves none behind. */
const dropDatabase = async (server: string): Promise<void> => {
  const client = new Client({ connectionString: server })
  await client.connect()
  await client.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`)
  await client.end()
}

await measure("dbos", async (work, { items }) => {
  const server = process.env.DATABASE_URL
  if (server === undefined) throw new Error("DATABASE_URL is not set")
  const systemDatabase = new URL(server)
  systemDatabase.pathname = DATABASE
  await dropDatabase(server)
  const settle = settlementWorkflow(work, items)
  DBOS.setConfig({
    name: "atlaspay-bench",
    systemDatabaseUrl: systemDatabase.href,
    systemDatabasePoolSize: POOL_SIZE,
    logLevel: "error",
  })
  await DBOS.launch()
  return {
    run: async (batch) => (await DBOS.startWorkflow(settle)(batch)).getResult(),
    close: async () => {
      await DBOS.shutdown()
      await dropDatabase(server)
    },
  }
})
