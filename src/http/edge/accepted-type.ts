/** Which of several media types a client wants, by its `Accept` (RFC 9110, section 12.5.1). */

const RANGES_MAX = 64

/**
 * The offered type that a client prefers by the value of its `Accept`. Of equal ones the first counts, which is also the answer to
 * a client that names none. `undefined` if the header permits none of them. Parameters other than `q` are ignored, and so are ranges
 * after the first {@link RANGES_MAX}.
 */
export const acceptedType = <Type extends string>(
  accept: string | undefined,
  offered: readonly [Type, ...ReadonlyArray<Type>],
): Type | undefined => {
  if (accept === undefined || accept === "*/*" || accept.trim() === "") return offered[0]
  const ranges = accept.split(",", RANGES_MAX).map(rangeOf)
  let best: { readonly type: Type | undefined; readonly quality: number } = { type: undefined, quality: 0 }
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
