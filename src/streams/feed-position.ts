/** Whether a feed position comes before another. Positions are stream ids, "<milliseconds>-<sequence>". */
export const isBefore = (one: string, other: string): boolean => {
  const [oneMs = 0, oneSequence = 0] = one.split("-").map(Number)
  const [otherMs = 0, otherSequence = 0] = other.split("-").map(Number)
  return oneMs === otherMs ? oneSequence < otherSequence : oneMs < otherMs
}
