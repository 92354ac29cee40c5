/** Graphile Worker: a job per call, and a row per batch that counts the transfers still to come. See README.md. */
import { Logger, run, type TaskList } from "graphile-worker"
import { Pool } from "pg"
import { measure } from "./measure.ts"
import { ownDatabase } from "./own-database.ts"
import type { Work } from "./work.ts"

const JOBS_CONCURRENCY = 300
const POOL_SIZE = 50

const TABLES = `
  CREATE TABLE batches (name text PRIMARY KEY, clearance text NOT NULL, waits_for integer NOT NULL);
  CREATE TABLE transfers (batch text, item integer, result text NOT NULL, PRIMARY KEY (batch, item));
`

/** The clearance, and the jobs of its transfers, in one transaction. A repetition adds nothing. */
const CLEARED = `
  WITH cleared AS (
    INSERT INTO batches VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING name
  )
  SELECT graphile_worker.add_jobs(ARRAY(
    SELECT ('transfer', json_build_object('batch', name, 'item', item),
      NULL, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec
    FROM generate_series(0, $3 - 1) AS item
  )) FROM cleared`

/** The result of a transfer; the last one of a batch adds the job of its posting in the same transaction. */
const TRANSFERRED = `
  WITH added AS (
    INSERT INTO transfers VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING batch
  ), counted AS (
    UPDATE batches SET waits_for = waits_for - 1 FROM added WHERE name = batch RETURNING name, waits_for
  )
  SELECT graphile_worker.add_job('posting', json_build_object('batch', name)) FROM counted WHERE waits_for = 0`

interface Payload {
  readonly batch: string
  readonly item: number
}

const tasks = (work: Work, items: number, pool: Pool): TaskList => ({
  batch: async (payload) => {
    const { batch } = payload as Payload
    await pool.query({ name: "cleared", text: CLEARED, values: [batch, await work.clear(batch), items] })
  },
  transfer: async (payload) => {
    const { batch, item } = payload as Payload
    const result = await work.transfer(batch, item)
    await pool.query({ name: "transferred", text: TRANSFERRED, values: [batch, item, result] })
  },
  posting: async (payload) => {
    await work.post((payload as Payload).batch)
  },
})

await measure("graphile-worker", async (work, { items }) => {
  const database = await ownDatabase("atlaspay_bench_graphile")
  const pool = new Pool({ connectionString: database.url, max: POOL_SIZE })
  pool.on("error", console.error)
  pool.on("connect", (client) => void client.on("error", console.error))
  const runner = await run({
    preset: {
      worker: {
        concurrentJobs: JOBS_CONCURRENCY,
        localQueue: { size: JOBS_CONCURRENCY + 1 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    pgPool: pool,
    taskList: tasks(work, items, pool),
    noHandleSignals: true,
    logger: new Logger(() => () => undefined),
  })
  await pool.query(TABLES)
  const waiting = new Map<string, () => void>()
  runner.events.on("job:complete", ({ job, error }) => {
    if (error) console.error(error)
    else if (job.task_identifier === "posting") waiting.get((job.payload as Payload).batch)?.()
  })
  return {
    run: async (batch) => {
      const posted = new Promise<void>((resolve) => waiting.set(batch, resolve))
      await runner.addJob("batch", { batch })
      await posted
      waiting.delete(batch)
    },
    close: async () => {
      await runner.stop()
      await pool.end()
      await database.drop()
    },
  }
})
