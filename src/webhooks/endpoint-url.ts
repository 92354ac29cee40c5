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

/**
 * Ports that no browser and no `fetch` connects to, because they belong to other protocols (WHATWG Fetch, "bad port"). A webhook
 * receiver is not behind them, and a POST to them could be taken for commands of that protocol.
 */
const otherProtocols = new Set(
  (
    "1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 137 139 " +
    "143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 " +
    "3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
  ).split(" "),
)

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
  if (otherProtocols.has(url.port)) return "expected a port that no other protocol has"
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

/** Characters that mean the same whether they are encoded or not (RFC 3986, 2.3). */
const unreserved = /^[A-Za-z0-9._~-]$/

/**
 * The same text for all URLs that lead to the same place (RFC 3986, 6.2.2 and 6.2.3): without the fragment, the default port, an
 * empty query and the final dot of the host; with the host in lower case and in ASCII, and with percent-encodings where they are
 * needed, in upper case. `url` was accepted.
 */
export const sameUrl = (url: string): string => {
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const host = `${hostname.replace(/\.$/, "")}${port === "" ? "" : `:${port}`}`
  return `${protocol}//${host}${decoded(pathname)}${decoded(search)}`
}

const decoded = (text: string): string =>
  text.replaceAll(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return unreserved.test(character) ? character : encoded.toUpperCase()
  })
