import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { isOperates } from "./access.ts"
import { PartnerContracts } from "./partner-contracts.ts"

/** The contracts in the table of partners. */
export const layer = Layer.effect(
  PartnerContracts,
  Effect.map(Database, ({ query }) =>
    PartnerContracts.of({
      operates: Effect.fn("PartnerContracts.operates")(function* (partner) {
        const [row] = yield* query(
          "read a partner's contract",
          (sql) => sql<Array<{ readonly operates: ReadonlyArray<string> }>>`
            select operates from partners where id = ${partner}`,
        )
        return new Set(row?.operates.filter(isOperates))
      }),
    }),
  ),
)
