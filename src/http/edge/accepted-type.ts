/** Which of several media types a client wants, by its `Accept` (RFC 9110, section 12.5.1). */
import type { EdgeContext } from "./edge.ts"

const RANGES_MAX = 64

/**
 * The offered type that the client prefers. Of equal ones the first counts, which is also the answer to a client that names
 * none of them. Parameters other than `q` are ignored.
 */
export const acceptedType = <Type extends string>(
  c: EdgeContext,
  offered: readonly [Type, ...ReadonlyArray<Type>],
): Type => {
  const ranges = (c.req.header("accept") ?? "").split(",", RANGES_MAX).map(rangeOf)
  let best: { readonly type: Type; readonly quality: number } = { type: offered[0], quality: 0 }
  for (const type of offered) {
    const quality = qualityOf(type, ranges)
    if (quality > best.quality) best = { type, quality }
  }
  return best.type
}

interface MediaRange {
  readonly name: string
  readonly quality: number
}

const rangeOf = (text: string): MediaRange => {
  const [name = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2)
  return { name, quality: quality === undefined ? 1 : Math.min(Math.max(Number(quality) || 0, 0), 1) }
}

/** The most specific range that contains the type decides. */
const qualityOf = (type: string, ranges: ReadonlyArray<MediaRange>): number => {
  const [family = ""] = type.split("/")
  for (const name of [type, `${family}/*`, "*/*"]) {
    const range = ranges.find((one) => one.name === name)
    if (range !== undefined) return range.quality
  }
  return 0
}
