/**
 * The `curl` commands of a page, each with the answers that the page shows for it:
 *
 * - comments after a command, `# 202 {"transferId":"north-…"}`: a status, an answer ([how](shown-answer.ts)), or both. Of several
 *   one has to be given. The answer may go on in the next comments; other text is a remark;
 * - the block that follows a block of commands, if it is not of commands itself: the answer to the last one.
 *
 * A command for which no status is shown has to succeed.
 */
import { readShown, type Shown } from "./shown-answer.ts"

export interface DocumentedCommand {
  /** Where it begins, as `docs/API.md:106`. */
  readonly place: string
  /** As in the page, for a shell. */
  readonly text: string
  /** What may be answered. Empty if any success may. */
  readonly answers: ReadonlyArray<DocumentedAnswer>
}

export interface DocumentedAnswer {
  readonly status?: number
  readonly shown?: Shown
  /** An answer that is not JSON. */
  readonly lines?: string
}

interface Block {
  readonly kind: string
  readonly text: string
  /** The number of its first line in the page. */
  readonly line: number
  /** Whether nothing but empty lines is between it and the block before. */
  readonly follows: boolean
}

/** The blocks of code of a page. */
export const blocksIn = (page: string): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  let end = 0
  for (const match of page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
    const [whole, kind = "", text = ""] = match
    const line = page.slice(0, match.index).split("\n").length + 1
    found.push({ kind, text, line, follows: page.slice(end, match.index).trim() === "" })
    end = match.index + whole.length
  }
  return found
}

/** The `curl` commands of a page, in its order. */
export const commandsOf = (name: string, page: string): ReadonlyArray<DocumentedCommand> => {
  const blocks = blocksIn(page)
  return blocks.flatMap((block, index) => {
    if (block.kind !== "sh") return []
    const commands = commandsIn(block.text)
      .filter(({ text }) => /^curl\s/.test(text))
      .map(({ text, line, comments }) => ({
        place: `${name}:${block.line + line}`,
        text,
        answers: answersIn(comments),
      }))
    const next = blocks[index + 1]
    const last = commands.at(-1)
    if (last === undefined || next === undefined || !next.follows || next.kind === "sh") return commands
    return [...commands.slice(0, -1), { ...last, answers: withBlock(last.answers, next) }]
  })
}

/** The block is the answer of the one status that is shown, if any. */
const withBlock = (
  answers: ReadonlyArray<DocumentedAnswer>,
  { kind, text }: Block,
): ReadonlyArray<DocumentedAnswer> => {
  const [only = {}, ...others] = answers
  if (others.length > 0 || only.shown !== undefined) throw new Error(`two answers are shown: ${text}`)
  return [{ ...only, ...(kind === "json" ? { shown: wholeShown(text) } : { lines: text }) }]
}

const wholeShown = (text: string): Shown => {
  const { shown, rest } = readShown(text)
  if (rest.trim() !== "") throw new Error(`after the answer comes ${rest}`)
  return shown
}

interface Command {
  readonly text: string
  /** The number of its first line in the block, from 0. */
  readonly line: number
  readonly comments: ReadonlyArray<string>
}

/** The commands of a block for a shell: lines, joined where a quotation or a backslash goes on. */
export const commandsIn = (block: string): ReadonlyArray<Command> => {
  const commands: Array<{ text: string; line: number; comments: Array<string> }> = []
  let rest = block
  while (rest !== "") {
    const line = block.slice(0, block.length - rest.length).split("\n").length - 1
    const [whole, command = "", comment] = oneCommand.exec(rest) ?? []
    if (whole === undefined || whole === "") throw new Error(`a quotation is not closed in ${rest}`)
    rest = rest.slice(whole.length)
    if (command.trim() !== "") commands.push({ text: command.trim(), line, comments: [] })
    if (comment !== undefined) commands.at(-1)?.comments.push(comment.trim())
  }
  return commands
}

/** Up to the end of a line that is not quoted: plain text, quotations, escaped signs; then perhaps a comment. */
const oneCommand = /^((?:[^\s'"\\#]#*|'[^']*'|"(?:[^"\\]|\\[\s\S])*"|\\[\s\S]|[^\S\n])*)(?:#(.*))?(?:\n|$)/

/** The answers in the comments of a command; what neither begins with a status nor with an answer is a remark. */
const answersIn = (comments: ReadonlyArray<string>): ReadonlyArray<DocumentedAnswer> => {
  const answers: Array<DocumentedAnswer> = []
  for (let at = 0; at < comments.length; at += 1) {
    const [, status, json] = /^(?:(\d{3})(?!\d))?\s*([{[].*)?/.exec(comments[at] ?? "") ?? []
    const known = status === undefined ? {} : { status: Number(status) }
    if (json === undefined) {
      if (status !== undefined) answers.push(known)
      continue
    }
    let text = json
    while (bracketsOpenIn(text) > 0 && at + 1 < comments.length) text += comments[++at]
    answers.push({ ...known, shown: readShown(text).shown })
  }
  return answers
}

const bracketsOpenIn = (text: string): number => {
  const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
  return (bare.match(/[{[]/g)?.length ?? 0) - (bare.match(/[}\]]/g)?.length ?? 0)
}
