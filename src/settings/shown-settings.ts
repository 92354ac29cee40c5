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

/** What settings are besides what is written in them. */
export interface Standing {
  /** They are set when the local platform starts. */
  readonly completed: ReadonlySet<string>
  /** Nothing reads them, because of another one: its name, by theirs. */
  readonly replaced: ReadonlyMap<string, string>
}

/** Shows settings with the environment in which they are read. */
export const shownSettings = (
  settings: ReadonlyArray<Setting>,
  given: (name: string) => string | undefined,
  standing: Standing,
): ReadonlyArray<ShownSetting> => settings.map((setting) => shownSetting(setting, given, standing))

const shownSetting = (
  { name, secret, fallback, shown = withoutPasswords }: Setting,
  given: (name: string) => string | undefined,
  { completed, replaced }: Standing,
): ShownSetting => {
  const file = secret === undefined ? undefined : given(fileNameOf(name))
  if (file !== undefined) return { setting: name, value: "set", from: "file", file }
  const text = given(name)
  if (text !== undefined && replaced.has(name))
    return { setting: name, value: `not used: ${replaced.get(name)} is set`, from: "environment" }
  if (text !== undefined)
    return { setting: name, value: secret === "whole" ? "set" : shown(text), from: "environment" }
  if (completed.has(name)) return { setting: name, value: "set at the start", from: "local platform" }
  const value = fallback === REQUIRED ? "not set" : fallback.replaceAll("`", "")
  return { setting: name, value, from: "default" }
}

/** What a URL may have in its query: anything else may be a password or a token. */
const openParameters = /^(sslmode|ssl|sslrootcert|sslcert|sslkey|target_session_attrs|application_name)$/

/** Where another URL begins: "nats://a,nats://b", "north=https://a,south=https://b". */
const nextUrl = /(,\s*(?=(?:[\w-]+=)?[a-z][a-z0-9+.-]*:\/\/))/i

/** Text before a URL, its scheme, its servers with who connects, its path, its query and its fragment. */
const URL_FORM = /^([\s\S]*?[a-z][a-z0-9+.-]*:\/\/)([\s\S]*@|[^/?#]*)([^?#]*)(\?[^#]*)?(#[\s\S]*)?$/i

/** Servers alone: names or addresses, with ports. */
const servers = /^(?:(?:^|,)\s*(?:[^\s,:@[\]]+|\[[0-9a-f:.]+\])(?::\d*)?\s*)*$/i

/**
 * Replaces user and password of each URL in a text, and the parameters that might be one. What is malformed may have a password
 * anywhere: all before the last @ counts as one, and what looks like none of the parts of a URL.
 */
export const withoutPasswords = (text: string): string => text.split(nextUrl).map(withoutPassword).join("")

const withoutPassword = (url: string): string => {
  if (!url.includes("://")) return url
  const [, scheme, authority = "", path = "", query = "", fragment = ""] = URL_FORM.exec(url) ?? []
  if (scheme === undefined) return url
  const who = authority.endsWith("@") || !servers.test(authority) ? "***@" : ""
  return [
    scheme,
    who === "" ? authority : who,
    path,
    query.replaceAll(/([?&])([^=&]+)=([^&]*)/g, (whole, mark: string, name: string) =>
      openParameters.test(name) ? whole : `${mark}${name}=***`,
    ),
    fragment === "" ? "" : "#***",
  ].join("")
}

/** A kind of credentials, a user, and where the secret is. */
const credentials = /^(?:bearer|basic\s+\S+)\s+(?:env|file):\S+$/

/** Credentials as `bearer env:NAME`. Anything else may be the secret itself. */
export const shownCredentials = (text: string): string => (credentials.test(text.trim()) ? text : "***")
