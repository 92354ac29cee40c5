/** The settings in force, as people may see them: no secret, and no password of a URL. */
import { fileNameOf } from "./secret-file.ts"
import { REQUIRED, type Setting } from "./setting.ts"

export interface ShownSetting {
  readonly setting: string
  /** As it is written; of a secret only that it is set; of a default what holds then. */
  readonly value: string
  readonly from: "environment" | "file" | "default" | "local platform"
  /** The file of a secret. */
  readonly file?: string
}

/** Shows settings with the environment in which they are read. Those in `completed` are set when the local platform starts. */
export const shownSettings = (
  settings: ReadonlyArray<Setting>,
  given: (name: string) => string | undefined,
  completed: ReadonlySet<string>,
): ReadonlyArray<ShownSetting> => settings.map((setting) => shown(setting, given, completed))

const shown = (
  { name, secret, fallback }: Setting,
  given: (name: string) => string | undefined,
  completed: ReadonlySet<string>,
): ShownSetting => {
  const file = secret === undefined ? undefined : given(fileNameOf(name))
  if (file !== undefined) return { setting: name, value: "set", from: "file", file }
  const text = given(name)
  if (text !== undefined)
    return { setting: name, value: secret === "whole" ? "set" : withoutPasswords(text), from: "environment" }
  if (completed.has(name)) return { setting: name, value: "set at the start", from: "local platform" }
  const value = fallback === REQUIRED ? "not set" : fallback.replaceAll("`", "")
  return { setting: name, value, from: "default" }
}

/** What a URL may have in its query: anything else may be a password or a token. */
const openParameters = /^(sslmode|ssl|sslrootcert|sslcert|sslkey|target_session_attrs|application_name)$/

/** Replaces user and password of each URL in a text, and the parameters that might be one. */
export const withoutPasswords = (text: string): string =>
  text
    // To the last @: a password with an @ or a / in it is malformed, and still nobody's to see.
    .replace(/([a-z][a-z0-9+.-]*:\/\/)\S*@/gi, "$1***@")
    .replace(/([?&])([^=&#,\s]+)=([^&#,\s]*)/g, (whole, mark: string, name: string) =>
      openParameters.test(name) ? whole : `${mark}${name}=***`,
    )
