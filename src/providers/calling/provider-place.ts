/** Where a setting of a provider stands, and what is told when it cannot be used. */
import { Schema } from "effect"

/** The variable that leads to a setting, and its path in the document. */
export interface Place {
  readonly setting: string
  readonly path: string
}

/** A setting that leads to no usable provider: the service does not start with it. */
export class InvalidProviderSetting extends Schema.TaggedError<InvalidProviderSetting>()(
  "InvalidProviderSetting",
  { setting: Schema.String, reason: Schema.String },
) {
  override get message() {
    return `${this.setting}: ${this.reason}`
  }
}

/** A place below another one. */
export const below = ({ setting, path }: Place, field: string): Place => ({
  setting,
  path: path === "" ? field : `${path}.${field}`,
})
