import { Schema } from "effect"

/** A guarantee that a server does not give: the setting, its value, and the value that is needed. */
export const Weakness = Schema.Struct({
  server: Schema.String,
  setting: Schema.String,
  found: Schema.String,
  wanted: Schema.String,
})
export type Weakness = typeof Weakness.Type

/** Production refuses to start, because a server may lose what it acknowledged. */
export class DurabilityTooWeak extends Schema.TaggedError<DurabilityTooWeak>()("DurabilityTooWeak", {
  store: Schema.Literals(["Redis", "Postgres"]),
  weaknesses: Schema.Array(Weakness),
}) {
  override get message() {
    return `${this.store} may lose what it acknowledged: ${this.weaknesses.map(sentence).join("; ")}`
  }
}

/** The beginning of `found` if a setting could not be read. An operator may vouch for such a server. */
export const UNREADABLE = "unreadable"

const sentence = ({ server, setting, found, wanted }: Weakness): string =>
  `${server} has ${setting} ${found}, wanted ${wanted}`
