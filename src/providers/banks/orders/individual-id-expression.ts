import type { Sql } from "postgres"

/** The individual identification number of the order in a row: the rule of individual-id.ts, as nacha-files.sql has it in an index. */
export const individualId = (sql: Sql) => sql`upper(translate(substr(
  encode(sha256(decode(reference, 'escape')), 'base64'), 1, 15), '+/', '01') collate "C")`
