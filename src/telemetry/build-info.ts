/** What runs, as a gauge: a graph of anything can be compared with when a release or a role came. */
import { Effect, Layer } from "effect"
import packageJson from "../../package.json" with { type: "json" }
import type { Role } from "../service-roles.ts"
import { Metrics } from "./metrics.ts"

/** Shows the version of AtlasPay, that of Node, and the roles of this process. */
export const buildInfoLayer = (roles: ReadonlyArray<Role>): Layer.Layer<never> =>
  Layer.effectDiscard(
    Effect.map(Metrics, ({ buildInfo }) =>
      buildInfo.set({ version: packageJson.version, node: process.versions.node, roles: roles.join(",") }, 1),
    ),
  )
