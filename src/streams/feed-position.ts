/** Whether a feed position comes before another. Positions are stream ids, "<milliseconds>-<sequence>". */
export const isBefore = (one: string, other: string): boolean => {
  const [oneMs = 0, oneSequence = 0] = one.split("-").map(Number)
  const [otherMs = 0, otherSequence = 0] = other.split("-").map(Number)
  return oneMs === otherMs ? oneSequence < otherSequence : oneMs < otherMs
}

const SEQUENCE_MAX = 2n ** 64n - 1n

/** The last possible position before another one: a read after it begins with the other. "0-0" is its own. */
export const positionBefore = (position: string): string => {
  const [ms = "0", sequence = "0"] = position.split("-")
  if (sequence !== "0") return `${ms}-${BigInt(sequence) - 1n}`
  return ms === "0" ? position : `${BigInt(ms) - 1n}-${SEQUENCE_MAX}`
}

/** When what is at a position was appended, in epoch milliseconds by the clock of its store: a position begins with it. */
export const appendedAt = (position: string): number => Number(position.split("-")[0])
