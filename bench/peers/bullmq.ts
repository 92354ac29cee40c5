/** BullMQ: a job per batch that goes by steps, and the transfers as its children. See README.md. */
import { type ConnectionOptions, type Job, Queue, QueueEvents, WaitingChildrenError, Worker } from "bullmq"
import { measure } from "./measure.ts"
import type { Work } from "./work.ts"

const TRANSFERS_CONCURRENCY = 300
const REMOVE_ON_COMPLETE = { count: 1000 }

type Step = "clearance" | "transfers" | "posting"

interface BatchData {
  readonly batch: string
  readonly step: Step
  readonly clearance?: string
}

interface TransferData {
  readonly batch: string
  readonly item: number
}

/** Each step is recorded in the job before the next one begins, and the posting as the job's result. */
const settle =
  (work: Work, items: number, transfers: Queue<TransferData>) =>
  async (job: Job<BatchData>, token?: string) => {
    const { batch } = job.data
    if (job.data.step === "clearance") {
      const clearance = await work.clear(batch)
      await job.updateData({ batch, step: "transfers", clearance })
    }
    if (job.data.step === "transfers") {
      const parent = { id: job.id ?? "", queue: job.queueQualifiedName }
      await transfers.addBulk(
        Array.from({ length: items }, (_, item) => ({
          name: "transfer",
          data: { batch, item },
          opts: { parent },
        })),
      )
      await job.updateData({ ...job.data, step: "posting" })
      if (await job.moveToWaitingChildren(token ?? "")) throw new WaitingChildrenError()
    }
    return work.post(batch)
  }

const connectionTo = (url: URL): ConnectionOptions => ({
  host: url.hostname,
  port: Number(url.port || 6379),
  username: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
  db: Number(url.pathname.slice(1)),
})

await measure("bullmq", async (work, { batches: inFlight, items }) => {
  if (process.env.REDIS_URL === undefined) throw new Error("REDIS_URL is not set")
  const options = {
    connection: connectionTo(new URL(process.env.REDIS_URL)),
    prefix: `bench-bullmq-${process.pid}`,
  }
  const batches = new Queue<BatchData>("batches", options)
  const transfers = new Queue<TransferData>("transfers", options)
  const events = new QueueEvents("batches", options)
  // Every waiting client listens to this queue.
  batches.setMaxListeners(0)
  events.setMaxListeners(0)
  const kept = { ...options, removeOnComplete: REMOVE_ON_COMPLETE }
  const workers = [
    new Worker<BatchData>("batches", settle(work, items, transfers), { ...kept, concurrency: inFlight }),
    new Worker<TransferData>("transfers", ({ data }) => work.transfer(data.batch, data.item), {
      ...kept,
      concurrency: TRANSFERS_CONCURRENCY,
    }),
  ]
  for (const worker of workers) worker.on("error", console.error)
  await events.waitUntilReady()
  return {
    run: async (batch) => {
      const job = await batches.add("batch", { batch, step: "clearance" })
      await job.waitUntilFinished(events)
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()))
      await Promise.all([batches, transfers].map((queue) => queue.obliterate({ force: true })))
      await Promise.all([batches, transfers, events].map((part) => part.close()))
    },
  }
})
