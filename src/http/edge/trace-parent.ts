/** `traceparent` (W3C Trace Context, level 1): the trace to which a caller says that its request belongs. */

const written = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/

/**
 * The id of the trace, 32 hex digits; `undefined` if the header is missing or not as the standard has it. It is only a name
 * in logs, and nothing is decided by it.
 */
export const traceIdIn = (header: string | undefined): string | undefined => {
  const [, version, traceId, parentId, rest] = written.exec(header ?? "") ?? []
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return undefined
  return allZeros.test(traceId ?? "") || allZeros.test(parentId ?? "") ? undefined : traceId
}

const allZeros = /^0*$/
