/** `traceparent` (W3C Trace Context, level 1): the trace to which a caller says that its request belongs. Of two headers none counts. */
import type { Trace } from "../../domain/trace.ts"

const written = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?$/
const allZeros = /^0*$/
/** The only flag of level 1. Others may come to mean something, and are not passed on. */
const SAMPLED = 1

/**
 * The trace of a header; `undefined` if the header is missing or not as the standard has it. It is a name for logs and for what
 * is passed on, and nothing is decided by it.
 */
export const traceIn = (header: string | undefined): Trace | undefined => {
  const [, version, id = "", parentId = "", flags = "", rest] = written.exec(header ?? "") ?? []
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return undefined
  if (allZeros.test(id) || allZeros.test(parentId)) return undefined
  return { id, parent: parentId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED }
}
