import { isIP } from "node:net"
import { isPublicAddress } from "./public-address.ts"

const URL_LENGTH_MAX = 2_048

/** Names that mean this machine or this network wherever they are resolved (RFC 6761, RFC 6762, RFC 8375). */
const localName = /(^|\.)(localhost|local|internal|home\.arpa)\.?$/

/** The host of a URL as it is connected to: an IPv6 address without its brackets. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1")

/**
 * What is wrong with a webhook URL, as a sentence, or `undefined`. Names are not resolved here: what they mean is
 * checked at each delivery, on the address that is connected to.
 */
export const endpointUrlProblem = (text: string, allowPrivate: boolean): string | undefined => {
  if (text.length > URL_LENGTH_MAX) return `expected at most ${URL_LENGTH_MAX} characters`
  const url = URL.parse(text)
  if (url === null) return "expected a URL such as https://example.com/webhooks"
  if (url.username !== "" || url.password !== "") return "expected no user name or password in the URL"
  if (url.hash !== "") return "expected no fragment"
  if (allowPrivate)
    return url.protocol === "https:" || url.protocol === "http:" ? undefined : "expected http or https"
  if (url.protocol !== "https:") return "expected https"
  const host = hostOf(url)
  if (isIP(host) === 0) return localName.test(host) ? "expected a public host name" : undefined
  return isPublicAddress(host) ? undefined : "expected a public address"
}
