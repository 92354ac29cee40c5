/** Origins of web pages, as a setting has them: "https://console.example,http://localhost:3000". */
import { Schema } from "effect"

const ORIGINS_MAX = 64

/** The origins of a list; none in an empty one. */
export const originsIn = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "")

/** A scheme, a host and perhaps a port, as browsers send it in `Origin` (RFC 6454, 6.1). */
const isOrigin = (text: string): boolean =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text

export const OriginsText = Schema.String.check(
  Schema.makeFilter((text) => {
    const origins = originsIn(text)
    const wrong = origins.findIndex((origin) => !isOrigin(origin))
    if (wrong >= 0) return `origin ${wrong + 1} is none: write https://console.example, without a path`
    return origins.length <= ORIGINS_MAX || `at most ${ORIGINS_MAX} origins`
  }),
)
