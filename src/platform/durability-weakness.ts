import { Schema } from "effect"

/** What a server does not promise; `found` is what it says instead. */
export const Weakness = Schema.Struct({
  server: Schema.String,
  setting: Schema.String,
  found: Schema.String,
  wanted: Schema.String,
})
export type Weakness = typeof Weakness.Type

/** With real money, the start is refused: a server may forget what it acknowledged. */
export class DurabilityTooWeak extends Schema.TaggedError<DurabilityTooWeak>()("DurabilityTooWeak", {
  store: Schema.Literals(["Redis", "Postgres"]),
  weaknesses: Schema.Array(Weakness),
}) {
  override get message() {
    return `${this.store} may forget what it acknowledged: ${this.weaknesses.map(sentence).join("; ")}`
  }
}

/** How a finding begins that says that a setting could not be read: an operator may vouch for it. */
export const UNREADABLE = "unreadable"

const sentence = ({ server, setting, found, wanted }: Weakness): string =>
  `${server} has ${setting} ${found}, wanted ${wanted}`
