/** Which roles of the service run together in a process. */

/** One process: its roles as `serve --roles` takes them, and its name in the report. */
export interface ServiceProcess {
  readonly name: string
  readonly roles: string
}

/** A process for each role that takes part; `bank-files` is not among them, because no bank here takes files. */
const ROLES = ["api", "worker", "projector", "publisher", "webhooks"]

/** One process that accepts, and one that settles. */
export const API_AND_REST = "api/worker+projector+publisher+webhooks"

/**
 * Reads a layout: `roles`, `one`, or processes separated by `/`, each with its roles separated by `+`, such as
 * `api/worker/worker/projector+publisher/webhooks`. Throws if exactly one process does not have the role `api`, which
 * everything is sent to. Processes with the same roles have the same name: their costs are added up.
 */
export const layoutOf = (text: string): ReadonlyArray<ServiceProcess> => {
  const processes = processesOf(text).map((roles) => ({ name: roles.join("+"), roles: roles.join(",") }))
  const withApi = processes.filter(({ roles }) => roles.split(",").includes("api"))
  if (withApi.length !== 1) throw new RangeError("exactly one process has the role api")
  return processes.map((process) =>
    process.roles === ROLES.join(",") ? { ...process, name: "all" } : process,
  )
}

const processesOf = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  if (text === "roles") return ROLES.map((role) => [role])
  if (text === "one") return [ROLES]
  return text.split("/").map((process) => process.split("+").map((role) => role.trim()))
}
