/* Postgres refuses to run as root, so root runs it as `postgres`, or as `nobody` if that user does not exist. */
import { execFileSync, spawnSync } from "node:child_process"

/** The user that runs Postgres; empty for the one that runs this process. */
export interface RunAs {
  readonly uid?: number
  readonly gid?: number
}

let found: RunAs | "none" | undefined

/** Asks the system once. Throws if there is no such user. */
export const userToRunAs = (): RunAs => {
  found ??= find()
  if (found === "none") throw new Error("neither postgres nor nobody exists")
  return found
}

/** The group that has to pass through the data folder; `undefined` if only its owner has to. */
export const groupOfPostgres = (): number | undefined => {
  found ??= find()
  return found === "none" ? undefined : found.gid
}

const find = (): RunAs | "none" => {
  if (process.getuid?.() !== 0) return {}
  const user = ["postgres", "nobody"].find((name) => spawnSync("id", ["-u", name]).status === 0)
  if (user === undefined) return "none"
  const id = (flag: string) => Number(execFileSync("id", [flag, user], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}
