/** The text of settings that OpenTelemetry defines ("OpenTelemetry Protocol Exporter"). */
import { Schema } from "effect"

const isCollector = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && username + password + search + hash === ""
}

/** OTEL_EXPORTER_OTLP_ENDPOINT: the base URL of a collector. Credentials are headers, which are not shown. */
export const CollectorText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      isCollector(text) || "expected a URL with http or https, without user, password and query",
  ),
)

const pair = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*([\x21-\x7e]*)\s*$/

const pairsIn = (text: string): ReadonlyArray<readonly [string, string] | undefined> =>
  text.split(",").map((part) => {
    const [, name, value = ""] = pair.exec(part) ?? []
    try {
      return name === undefined ? undefined : [name.toLowerCase(), decodeURIComponent(value)]
    } catch {
      // Not percent-encoded text.
      return undefined
    }
  })

/** A value that a header may have: nothing that ends it (RFC 9110, 5.5). */
const isHeaderValue = (value: string): boolean => /^[\x20-\x7e\x80-\xff]*$/.test(value)

/** OTEL_EXPORTER_OTLP_HEADERS: "name=value,name=value", with values that are percent-encoded (W3C Baggage). It quotes none of them. */
export const HeadersText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      pairsIn(text).every((one) => one !== undefined && isHeaderValue(one[1])) ||
      'expected "name=value,name=value", with values that are percent-encoded',
  ),
)

/** The headers of a text that {@link HeadersText} permits. */
export const headersIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(pairsIn(text).filter((one) => one !== undefined))
