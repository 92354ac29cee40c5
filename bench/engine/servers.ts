/** What the servers of an engine spent while it ran. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Redis } from "ioredis"

/** Counters that only grow, read before and after a run. */
export interface Spent {
  readonly redisCommands: number
  readonly redisBytes: number
  readonly redisCpuSeconds: number
  readonly postgresCpuSeconds: number
}

/** Clock ticks per second in /proc: fixed by Linux for all programs. */
const TICKS_PER_SECOND = 100

/** Reads the counters of a Redis, and of the Postgres whose data is below `folder`. */
export const readSpent = async (redis: Redis, folder: string): Promise<Spent> => {
  const info = await redis.info()
  const figure = (name: string) => Number(new RegExp(`^${name}:([0-9.]+)`, "m").exec(info)?.[1] ?? Number.NaN)
  return {
    redisCommands: figure("total_commands_processed"),
    redisBytes: figure("total_net_input_bytes") + figure("total_net_output_bytes"),
    redisCpuSeconds: figure("used_cpu_user") + figure("used_cpu_sys"),
    postgresCpuSeconds: postgresCpuSeconds(folder),
  }
}

/** What was spent between two readings. */
export const spentBetween = (before: Spent, after: Spent): Spent => ({
  redisCommands: after.redisCommands - before.redisCommands,
  redisBytes: after.redisBytes - before.redisBytes,
  redisCpuSeconds: after.redisCpuSeconds - before.redisCpuSeconds,
  postgresCpuSeconds: after.postgresCpuSeconds - before.postgresCpuSeconds,
})

/** Processor time of the server whose data is below `folder`. */
const postgresCpuSeconds = (folder: string): number =>
  processTreeSeconds(Number(readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n")[0]))

/** Processor time of a process with its child processes, those that live and those that ended. Throws if it has ended. */
export const processTreeSeconds = (pid: number): number => {
  const stats = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => statOf(name))
  const own = stats.find((stat) => stat.pid === String(pid))
  if (own === undefined) throw new Error(`process ${pid} has ended`)
  const children = stats.filter(({ parent }) => parent === String(pid))
  const ticks = own.ticks + own.endedTicks + children.reduce((sum, { ticks }) => sum + ticks, 0)
  return ticks / TICKS_PER_SECOND
}

/** The relevant fields of proc(5); none for a process that has just ended. */
const statOf = (pid: string) => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")
      .map(String)
    const ticks = (...at: ReadonlyArray<number>) => at.reduce((sum, index) => sum + Number(fields[index]), 0)
    return [{ pid, parent: fields[1], ticks: ticks(11, 12), endedTicks: ticks(13, 14) }]
  } catch {
    return []
  }
}
