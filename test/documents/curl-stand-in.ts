/**
 * What curl does with the options that the pages use, for a machine without it: prints the answer with its head, as
 * `curl --include`. Refuses every other option. Run by test/documents/curl.ts.
 */
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { request } from "node:http"
import { text } from "node:stream/consumers"
import { parseArgs } from "node:util"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: true,
  options: {
    silent: { type: "boolean", short: "s" },
    "no-buffer": { type: "boolean", short: "N" },
    request: { type: "string", short: "X" },
    header: { type: "string", short: "H", multiple: true },
    data: { type: "string", short: "d" },
    "data-binary": { type: "string" },
  },
})
const [url, ...others] = positionals
if (url === undefined || others.length > 0) throw new Error("expected one URL")

/** `@file` is what is in the file; `--data` leaves its line ends out, `--data-binary` does not. */
const bodyOf = (given: string, isBinary: boolean): Buffer => {
  if (!given.startsWith("@")) return Buffer.from(given)
  const content = readFileSync(given.slice(1))
  return isBinary ? content : Buffer.from(content.toString("latin1").replaceAll(/[\r\n\0]/g, ""), "latin1")
}

const { data, "data-binary": binary, header = [], request: method } = values
const body = binary === undefined ? data && bodyOf(data, false) : bodyOf(binary, true)
const sent = request(url, { method: method ?? (body === undefined ? "GET" : "POST") })
sent.setHeader("accept", "*/*")
if (body !== undefined) sent.setHeader("content-type", "application/x-www-form-urlencoded")
for (const line of header) {
  const [, name, value] = /^([^:\s]+): *(.*)$/.exec(line) ?? []
  if (name === undefined || value === undefined) throw new Error("expected a header as Name: value")
  sent.setHeader(name, value)
}
const [answer] = await once(sent.end(body), "response")
const head = [`HTTP/1.1 ${answer.statusCode}`, ...headLines(answer.rawHeaders)]
process.stdout.write(`${head.join("\r\n")}\r\n\r\n${await text(answer)}`)

function headLines(raw: ReadonlyArray<string>): ReadonlyArray<string> {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []))
}
