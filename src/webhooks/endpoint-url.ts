import { isIP } from "node:net"
import { isMetadataAddress, isPublicAddress } from "./public-address.ts"

const URL_LENGTH_MAX = 2_048
const HOST_LENGTH_MAX = 253

/**
 * Last labels of names that no public server has: set aside by RFC 2606, 6761, 6762 (also its appendix G), 7686, 8375
 * and 9476, by ICANN for good (corp, home, mail, internal), or given by routers and containers (lan, localdomain).
 */
const localNames = new Set(
  `alt arpa corp example home internal intranet invalid lan local localdomain localhost mail onion private test`.split(
    " ",
  ),
)

/** At least two labels of letters, digits, hyphens and underscores, of which the last is no number. */
const publicName = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/

/** The host of a URL as it is connected to: an IPv6 address without its brackets, a name without its root. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "")

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
  if (url.port === "0") return "expected a port that can be connected to"
  if (isMetadataAddress(hostOf(url))) return "expected a public address"
  if (allowPrivate)
    return url.protocol === "https:" || url.protocol === "http:" ? undefined : "expected http or https"
  if (url.protocol !== "https:") return "expected https"
  return hostProblem(hostOf(url))
}

/** What is wrong with a host that is to be on the public internet. */
export const hostProblem = (host: string): string | undefined => {
  if (isIP(host) !== 0) return isPublicAddress(host) ? undefined : "expected a public address"
  const lastLabel = host.slice(host.lastIndexOf(".") + 1)
  return host.length <= HOST_LENGTH_MAX && publicName.test(host) && !localNames.has(lastLabel)
    ? undefined
    : "expected a public host name"
}
