/** Text that comes as bytes in pieces: by its byte order mark, else by the encoding that its sender names, else UTF-8. */
import type { FileProblem } from "./file-problem.ts"
import { encodingOfMark, isEncoding } from "./file-text.ts"

/** The longest mark, and what an XML declaration may take. */
const BEGINNING_BYTES = 256

/** Decodes bytes strictly: what is not in the encoding is refused, and so are zero characters. */
export class TextPieces {
  readonly #named: string | undefined
  readonly #declares: boolean
  #beginning: Buffer | undefined = Buffer.alloc(0)
  #decoder: InstanceType<typeof TextDecoder> | undefined

  /** `declares`: the text may name its encoding itself, as XML does. */
  constructor(named: string | undefined, declares: boolean) {
    this.#named = named
    this.#declares = declares
  }

  /** The text of the next bytes, or why they are none. */
  take(bytes: Uint8Array): string | FileProblem {
    if (this.#beginning === undefined) return this.#decode(bytes, true)
    this.#beginning = Buffer.concat([this.#beginning, bytes])
    return this.#beginning.length < BEGINNING_BYTES ? "" : this.#begin(this.#beginning)
  }

  end(): string | FileProblem {
    const begun = this.#beginning === undefined ? "" : this.#begin(this.#beginning)
    if (typeof begun !== "string") return begun
    const rest = this.#decode(new Uint8Array(), false)
    return typeof rest === "string" ? begun + rest : rest
  }

  #begin(bytes: Buffer): string | FileProblem {
    this.#beginning = undefined
    const declared = this.#declares ? declaredIn(bytes) : undefined
    const encoding = encodingOfMark(bytes) ?? this.#named ?? declared ?? "utf-8"
    if (!isEncoding(encoding)) return { reason: "the encoding that it declares is unknown" }
    this.#decoder = new TextDecoder(encoding, { fatal: true })
    return this.#decode(bytes, true)
  }

  #decode(bytes: Uint8Array, stream: boolean): string | FileProblem {
    if (this.#decoder === undefined) return ""
    try {
      const text = this.#decoder.decode(bytes, { stream })
      return text.includes("\0")
        ? { reason: "zero bytes between the characters; name the encoding: Content-Type: …; charset=…" }
        : text
    } catch {
      return {
        reason: `not ${this.#decoder.encoding}; name the encoding: Content-Type: …; charset=…`,
      }
    }
  }
}

const declaredIn = (bytes: Buffer): string | undefined =>
  /^[^>]*?\bencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(bytes.toString("latin1", 0, BEGINNING_BYTES))?.[1]
