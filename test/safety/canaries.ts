/** Marked values that nobody may find: each is looked for as it is, and in every form in which programs write texts. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"

/** Texts that were written, by where. */
export type Written = ReadonlyMap<string, string | Buffer>

/** Groups of this many characters are how people write account numbers. */
const GROUP = 4
/** A larger file is read in part: no test writes as much. */
const FILE_BYTES_MAX = 64 * 1_024 * 1_024

/**
 * The forms of a mark: as it is, in the other cases, in a URL, in JSON with escapes, in hex, in base64 and base64url at each offset, in
 * groups, reversed, and as the numbers of its bytes.
 */
export const formsOf = (mark: string): ReadonlyMap<string, string> => {
  const bytes = Buffer.from(mark)
  const escaped = [...mark].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")
  const groups = mark.match(new RegExp(`.{1,${GROUP}}`, "g")) ?? []
  const inBase64 = [0, 1, 2].flatMap((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
    // Without the digits at both ends that depend on what is beside the mark.
    const digits = shifted
      .toString("base64")
      .replaceAll("=", "")
      .slice(offset === 0 ? 0 : offset + 1)
    const own = shifted.length % 3 === 0 ? digits : digits.slice(0, -1)
    return [
      [`base64 at ${offset}`, own],
      [`base64url at ${offset}`, own.replaceAll("+", "-").replaceAll("/", "_")],
    ] as const
  })
  return new Map([
    ["itself", mark],
    ["lower case", mark.toLowerCase()],
    ["upper case", mark.toUpperCase()],
    ["a URL", encodeURIComponent(mark)],
    ["a form", encodeURIComponent(mark).replaceAll("%20", "+")],
    ["a URL, escaped throughout", bytes.toString("hex").replaceAll(/../g, "%$&")],
    ["JSON, escaped", escaped],
    ["hex", bytes.toString("hex")],
    ["hex in upper case", bytes.toString("hex").toUpperCase()],
    ...inBase64,
    ["groups with spaces", groups.join(" ")],
    ["groups with hyphens", groups.join("-")],
    ["reversed", [...mark].reverse().join("")],
    ["bytes", [...bytes].join(",")],
    ["bytes by index", [...bytes].map((byte, index) => `"${index}":${byte}`).join(",")],
    ["UTF-16", bytes.toString("latin1").split("").join("\0")],
  ])
}

/** Where a mark was found, as "<mark> as <form> in <place>: …<what is before it>". */
export const leaksOf = (marks: Readonly<Record<string, string>>, written: Written): ReadonlyArray<string> =>
  Object.entries(marks).flatMap(([name, mark]) =>
    [...formsOf(mark)].flatMap(([form, text]) =>
      [...written].flatMap(([place, content]) => {
        const at = content.indexOf(text)
        if (at === -1) return []
        const before = content.slice(Math.max(0, at - 160), at).toString("latin1" as never)
        return [`${name} as ${form} in ${place}: ${JSON.stringify(before)}`]
      }),
    ),
  )

/** All files below a folder. A file that goes away meanwhile is none. */
export const filesIn = (folder: string, what: string): Written =>
  new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
      const path = join(folder, name)
      const found = statSync(path, { throwIfNoEntry: false })
      if (found?.isFile() !== true || found.size > FILE_BYTES_MAX) return []
      return [[`${what} ${name}`, readFileSync(path)] as const]
    }),
  )
