/**
 * A request target (RFC 9112, 3.2) that can be read in one way only. Paths of this service need only unreserved
 * characters (RFC 3986, 2.3), so everything that another program could read as another path is refused before routing:
 * dot segments, empty segments, a slash at the end, backslashes, and all percent-encoding.
 */
const path = /^\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*)?$/
const dotSegment = /\/\.{1,2}(?:\/|$)/
/** Printable ASCII without a fragment, in which each percent sign begins an encoded byte. */
const query = /^(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~[\]{}|^"`<>\\]|%[0-9A-Fa-f]{2})*$/

/** Whether a target, as it is in the request line, has the form of this service's own addresses. */
export const isCanonical = (target: string): boolean => {
  const at = target.indexOf("?")
  const [before, after] = at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)]
  return path.test(before) && !dotSegment.test(before) && query.test(after)
}
