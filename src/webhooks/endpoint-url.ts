import { isIP } from "node:net"
import { isMetadataAddress, isPublicAddress } from "./public-address.ts"

const URL_LENGTH_MAX = 2_048
const HOST_LENGTH_MAX = 253

/**
 * Top-level labels that no public server has: reserved by RFC 2606, 6761, 6762 (also its appendix G), 7686, 8375 and
 * 9476, or by ICANN (corp, home, mail, internal), or used by routers and containers (lan, localdomain).
 */
const localNames = new Set(
  `alt arpa corp example home internal intranet invalid lan local localdomain localhost mail onion private test`.split(
    " ",
  ),
)

/** At least two labels of letters, digits, hyphens and underscores. The last one starts with a letter. */
const publicName = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/

/** What no IRI has (RFC 3987, 2.2). URL.parse takes such characters away or encodes them, and then another URL would be called. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const noIri = /[\u0000-\u0020\u007f-\u00a0<>"{}|\\^`\p{Zs}\p{Cs}]/u

/** The host of a URL that is connected to: an IPv6 address without brackets, a name without the final dot. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "")

/**
 * What is wrong with a webhook URL, as a phrase, or `undefined`. Names are not resolved here: each delivery checks the
 * address that it connects to.
 */
export const endpointUrlProblem = (text: string, allowPrivate: boolean): string | undefined => {
  if (text.length > URL_LENGTH_MAX) return `expected at most ${URL_LENGTH_MAX} characters`
  if (noIri.test(text))
    return "expected no spaces, and no characters that an address has only when they are encoded"
  const url = URL.parse(text)
  if (url === null) return "expected a URL such as https://example.com/webhooks"
  if (url.username !== "" || url.password !== "") return "expected no user name or password in the URL"
  if (url.hash !== "") return "expected no fragment"
  if (url.port === "0") return "expected a port that can be connected to"
  if (isMetadataAddress(hostOf(url))) return "expected a public address"
  if (allowPrivate)
    return url.protocol === "https:" || url.protocol === "http:" ? undefined : "expected http or https"
  if (url.protocol !== "https:") return "expected https"
  return hostProblem(hostOf(url))
}

/** Why a host is not on the public internet, as a phrase, or `undefined`. */
export const hostProblem = (host: string): string | undefined => {
  if (isIP(host) !== 0) return isPublicAddress(host) ? undefined : "expected a public address"
  const lastLabel = host.slice(host.lastIndexOf(".") + 1)
  return host.length <= HOST_LENGTH_MAX && publicName.test(host) && !localNames.has(lastLabel)
    ? undefined
    : "expected a public host name"
}
