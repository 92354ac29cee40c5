/** Guards around the rebuild and the audit of the read models, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const rebuilding = "test/projections/rebuild.test.ts"
const auditing = "test/projections/audit.test.ts"

export const rebuildGuards: ReadonlyArray<StepGuard> = [
  {
    name: "new tables take no place while the live ones are further",
    file: "projections/rebuild-scripts.ts",
    text: "> string_to_array(coalesce(own.position, '0-0'), '-')::numeric[]",
    without: "is null",
    caughtIn: rebuilding,
    caughtBy: "does not switch while a live checkpoint is further",
  },
  {
    name: "new tables of another make take no place",
    file: "projections/rebuild-scripts.ts",
    text: "group by name, part, kind having count(*) <> 2",
    without: "where false",
    caughtIn: rebuilding,
    caughtBy: "does not switch while a live checkpoint is further",
  },
  {
    name: "a checkpoint that is held does not move",
    file: "streams/postgres-cursors.ts",
    text: " and coalesce(checkpoint.held_until < now(), true)",
    without: "",
    caughtIn: rebuilding,
    caughtBy: "makes the live projector stand by",
  },
  {
    name: "the feed is kept for a rebuild",
    file: "streams/feed-keeper.ts",
    text: "...[held.get(partition)].filter((position) => position !== undefined),",
    without: "",
    caughtIn: rebuilding,
    caughtBy: "holds the feed for a day",
  },
  {
    name: "a rebuild that has been switched is not lost",
    file: "projections/rebuild.ts",
    text: 'now?.id === rebuild.id && now.state === "switched"',
    without: "false",
    caughtIn: rebuilding,
    caughtBy: "has come to its end if it is looked after between the switch and its answer",
  },
  {
    name: "statements of a rebuild keep to no table that they found before",
    file: "platform/postgres.ts",
    text: "      prepare: false,\n",
    without: "",
    caughtIn: rebuilding,
    caughtBy: "finds its own tables, also after the same statements found the live ones",
  },
  {
    name: "a batch that the projector has passed is behind",
    file: "projections/audit.ts",
    text: "return ((yield* shown(id)) ?? 0) === version",
    without: "return ((yield* shown(id)) ?? 0) === version && version < 0",
    caughtIn: auditing,
    caughtBy: "finds a batch that stays behind",
  },
  {
    name: "what the projector has not handled yet is no difference",
    file: "projections/audit.ts",
    text: "if (pending.some(({ batch, to }) => batch === id && to > version)) return false",
    without: "",
    caughtIn: auditing,
    caughtBy: "says nothing of a batch whose events",
  },
]
