/** The place of a provider's setting, and the error for one that cannot be used. */
import { Schema } from "effect"

/** The variable that leads to a setting, and its path in the document. */
export interface Place {
  readonly setting: string
  readonly path: string
}

/** A setting with which the provider cannot be used. The service does not start with it. */
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
