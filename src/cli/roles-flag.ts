import { Flag } from "effect/cli"
import { type Role, roles } from "../service-roles.ts"

const isRole = (text: string): text is Role => roles.some((role) => role === text)

/** The roles of a process; all by default. */
export const rolesFlag = Flag.String("roles").pipe(
  Flag.withMetavar("ROLES"),
  Flag.withDescription(`The roles to run, of ${roles.join(",")}; all by default`),
  Flag.withDefault(roles.join(",")),
  Flag.mapTryCatch(
    (text): ReadonlyArray<Role> => {
      const chosen = text.split(",").map((role) => role.trim())
      if (!chosen.every(isRole)) throw new Error(`expected some of ${roles.join(",")}`)
      return [...new Set(chosen.filter(isRole))]
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
)
