/** Workers of the engine in processes of their own, as their intake sees them. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { type EngineOptions, notifyClosed } from "./engine.ts"
import type { WorkerReport } from "./worker.ts"

/** Starts a worker, which notifies this process of the batches that it closes. Resolves when it works. */
export const startWorker = async (own: EngineOptions): Promise<ChildProcess> => {
  const worker = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), {
    env: { PATH: process.env.PATH, ENGINE_OPTIONS: JSON.stringify(own) },
  })
  worker.on("message", (report: WorkerReport) => {
    if ("closed" in report) for (const batch of report.closed) notifyClosed(batch)
  })
  await nextReport(worker, (report) => "ready" in report)
  return worker
}

/** Ends workers, and resolves when they have ended. */
export const endWorkers = async (workers: ReadonlyArray<ChildProcess>): Promise<void> => {
  for (const worker of workers) worker.disconnect()
  await Promise.all(workers.map((worker) => once(worker, "exit")))
}

/** What this process and the workers spent so far, and the number of transfers that were really made. */
export const spentBy = async (workers: ReadonlyArray<ChildProcess>) => {
  const { user, system } = process.cpuUsage()
  const sum = { transfers: 0, cpuSeconds: (user + system) / 1e6 }
  for (const worker of workers) {
    worker.send("what did you spend?")
    const report = await nextReport(worker, (report) => "spent" in report)
    if (!("spent" in report)) continue
    sum.transfers += report.spent.transfers
    sum.cpuSeconds += report.spent.cpuSeconds
  }
  return sum
}

/** The next report of a worker that `isMeant` selects. */
const nextReport = (
  worker: ChildProcess,
  isMeant: (report: WorkerReport) => boolean,
): Promise<WorkerReport> =>
  new Promise((resolve, reject) => {
    const listen = (report: WorkerReport) => {
      if (!isMeant(report)) return
      worker.off("message", listen)
      resolve(report)
    }
    worker.on("message", listen)
    worker.once("exit", (code) => reject(new Error(`a worker ended with ${code}`)))
  })
