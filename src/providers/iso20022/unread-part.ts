/** Reads a file part by part: a part that cannot be read takes no other one with it. */
import { parseTransferReference } from "../../domain/identifiers.ts"
import { isUetr } from "../../domain/uetr.ts"
import type { UnreadPart } from "./transfer-report.ts"
import { UnreadableFile } from "./unreadable-file.ts"
import type { Element } from "./xml-reader.ts"

/** A part that cannot be read. */
export interface Unread {
  readonly _tag: "Unread"
  readonly unread: UnreadPart
}

/** What `read` makes of a part of a file, or, if it cannot be read, where that is and why. */
export const orUnread = <A>(place: string, part: Element, read: () => A): A | Unread =>
  orUnreadWith(place, read, () => ({ references: ownReferencesIn(part), uetrs: uetrsIn(part) }))

/** The same of a part of a file that is plain text. */
export const orUnreadText = <A>(place: string, text: string, read: () => A): A | Unread =>
  orUnreadWith(place, read, () => ({
    references: (text.match(looksLikeReference) ?? []).filter(
      (id) => parseTransferReference(id) !== undefined,
    ),
    uetrs: (text.toLowerCase().match(looksLikeUetr) ?? []).filter(isUetr),
  }))

const looksLikeReference = /(?<![A-Z0-9])[A-Z2-7]{22}-[1-9][0-9]{0,5}-[1-9](?![0-9])/g
const looksLikeUetr = /(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/g

interface NamedIds {
  readonly references: ReadonlyArray<string>
  readonly uetrs: ReadonlyArray<string>
}

const orUnreadWith = <A>(place: string, read: () => A, named: () => NamedIds): A | Unread => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error
    const { references, uetrs } = named()
    const different = [...new Set(uetrs)]
    return {
      _tag: "Unread",
      unread: {
        place,
        problem: error.message,
        references: [...new Set(references)],
        ...(different.length === 0 ? {} : { uetrs: different }),
      },
    }
  }
}

/** Fails with the first problem, and the part that has it, if a file has parts and none of them can be read. */
export const requireReadable = (readable: number, [first]: ReadonlyArray<UnreadPart>): void => {
  if (readable > 0 || first === undefined) return
  const [place = "", ...problem] = first.problem.split(": ")
  throw new UnreadableFile({ place: `${first.place}, ${place}`, problem: problem.join(": ") })
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
