/** Processor time of processes by what they are for, from /proc. */
import { processTreeSeconds } from "../engine/servers.ts"

/** The processes of each part by its name. */
export type Parts = Readonly<Record<string, ReadonlyArray<number>>>

/** Seconds of processor time by part. */
export type Seconds = Readonly<Record<string, number>>

/** The name under which the processor time of this process is counted: it is the client. */
export const CLIENT = "client"

/** Reads what each part spent since it started, its child processes included. Throws if a process has ended. */
export const readSeconds = (parts: Parts): Seconds => {
  const { user, system } = process.cpuUsage()
  const others = Object.entries(parts).map(([name, pids]): [string, number] => [
    name,
    pids.reduce((sum, pid) => sum + processTreeSeconds(pid), 0),
  ])
  return { ...Object.fromEntries(others), [CLIENT]: (user + system) / 1e6 }
}
