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

/** Processor time of the server, including its child processes that live and those that ended. */
const postgresCpuSeconds = (folder: string): number => {
  const [server = ""] = readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n")
  const stats = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => statOf(pid))
  const own = stats.find(({ pid }) => pid === server)
  const children = stats.filter(({ parent }) => parent === server)
  const ticks =
    (own?.ticks ?? 0) + (own?.endedTicks ?? 0) + children.reduce((sum, { ticks }) => sum + ticks, 0)
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
