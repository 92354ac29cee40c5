import { Flag } from "effect/cli"
import { type Role, roles } from "../service-roles.ts"

const isRole = (text: string): text is Role => roles.some((role) => role === text)

/** Those of ROLES, so that a command in a container speaks of the process that runs there; all, if it is not set or not right. */
const byDefault = (given = ""): string => (given.split(",").every(isRole) ? given : roles.join(","))

/** The roles of a process. */
export const rolesFlag = Flag.String("roles").pipe(
  Flag.withMetavar("ROLES"),
  Flag.withDescription(`The roles to run, of ${roles.join(",")}; by default those of ROLES, or all`),
  Flag.withDefault(byDefault(process.env.ROLES)),
  Flag.mapTryCatch(
    (text): ReadonlyArray<Role> => {
      const chosen = text.split(",").map((role) => role.trim())
      if (!chosen.every(isRole)) throw new Error(`expected some of ${roles.join(",")}`)
      return [...new Set(chosen.filter(isRole))]
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
)
