/**
 * A request target (RFC 9112, 3.2) that can be read in one way only. Nothing that has an address here needs more than
 * unreserved characters (RFC 3986, 2.3) in its path, so everything that another reader could take for another path is
 * refused before it is routed: dot segments, empty segments, a slash at the end, backslashes, and whatever is
 * percent-encoded.
 */
const path = /^\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*)?$/
const dotSegment = /\/\.{1,2}(?:\/|$)/
/** Printable ASCII without a fragment, where a percent sign begins an encoded byte. */
const query = /^(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~[\]{}|^"`<>\\]|%[0-9A-Fa-f]{2})*$/

/** Whether a target, as it stands in the request line, is an address that this service could have given out. */
export const isCanonical = (target: string): boolean => {
  const at = target.indexOf("?")
  const [before, after] = at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)]
  return path.test(before) && !dotSegment.test(before) && query.test(after)
}
