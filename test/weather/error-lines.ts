/** The errors among lines of a service's log that are not older than a time, in milliseconds since 1970. */
export const errorsIn = (lines: ReadonlyArray<string>, sinceMs: number): ReadonlyArray<string> =>
  lines.filter((line) => {
    const [, time = ""] = /"time":"([^"]+)","level":"error"/.exec(line) ?? []
    return Date.parse(time) >= sinceMs
  })
