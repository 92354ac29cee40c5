/** Reads a file part by part: a part that cannot be read takes no other one with it. */
import { parseTransferReference } from "../../domain/identifiers.ts"
import { isUetr } from "../../domain/uetr.ts"
import type { UnreadPart } from "./transfer-report.ts"
import { UnreadableFile } from "./unreadable-file.ts"
import type { Element } from "./xml-reader.ts"

/** What `read` makes of a part of a file, or, if it cannot be read, where that is and why. */
export const orUnread = <A>(
  place: string,
  part: Element,
  read: () => A,
): A | { readonly _tag: "Unread"; readonly unread: UnreadPart } => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error
    const uetrs = [...new Set(uetrsIn(part))]
    return {
      _tag: "Unread",
      unread: {
        place,
        problem: error.message,
        references: [...new Set(ownReferencesIn(part))],
        ...(uetrs.length === 0 ? {} : { uetrs }),
      },
    }
  }
}

/** Fails with the first problem if a file has parts and none of them can be read. */
export const requireReadable = (readable: number, [first]: ReadonlyArray<UnreadPart>): void => {
  if (readable > 0 || first === undefined) return
  const [place = "", ...problem] = first.problem.split(": ")
  throw new UnreadableFile({ place, problem: problem.join(": ") })
}

const ownReferencesIn = (element: Element): ReadonlyArray<string> =>
  element.children.length > 0
    ? element.children.flatMap(ownReferencesIn)
    : parseTransferReference(element.text) === undefined
      ? []
      : [element.text]

/** By their form, wherever they stand: nothing else looks like one. */
const uetrsIn = (element: Element): ReadonlyArray<string> => {
  if (element.children.length > 0) return element.children.flatMap(uetrsIn)
  const text = element.text.toLowerCase()
  return isUetr(text) ? [text] : []
}
