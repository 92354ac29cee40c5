/** What counts as the answer that a page shows, and what does not; which commands a page has; and the stand-in for curl. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { hasCurl, runCurl } from "./curl.ts"
import { commandsIn, commandsOf } from "./documented-commands.ts"
import { differencesOf, differencesOfText, type Placeholders, readShown } from "./shown-answer.ts"

const compared = (shown: string, value: unknown) => differencesOf(readShown(shown).shown, value)

describe("an answer", () => {
  it.each([
    ['{ "a": "x", "n": 1.5, "b": [true, null] }', { a: "x", n: 1.5, b: [true, null] }],
    ['{ "a": 1, … }', { a: 1, more: 2 }],
    ['{ "a": { … } }', { a: { b: 1 } }],
    ['["a", …]', ["a", "b"]],
    ['{"id":"pb_…","hash":"HASH…"}', { id: "pb_x", hash: "0f" }],
    ['{"id":"north-….settled"}', { id: "north-1.settled" }],
    [
      '{"at":"2026-01-02T03:04:05.678Z","on":"2026-01-02"}',
      { at: "2027-11-28T00:00:00.000Z", on: "2027-11-28" },
    ],
    ['{"code","why"?,"state":"a"|"b"}', { code: 1, state: "b" }],
    ['{"rows":[{"code","why"?}]}', { rows: [] }],
    ['{"rows":[{"code","why"?}]}', { rows: [{ code: 1 }, { code: 2, why: "" }] }],
  ])("as shown: %s", (shown, value) => expect(compared(shown, value)).toEqual([]))

  it.each([
    ['{ "a": "x" }', { a: "y" }],
    ['{ "a": 1 }', { a: "1" }],
    ['{ "a": 1 }', { a: 1, b: 2 }],
    ['{ "a": 1, … }', {}],
    ['{ "a": {} }', { a: [] }],
    ['["a"]', ["a", "b"]],
    ['["a", …]', []],
    ["[]", [1]],
    ['{"id":"pb_…"}', { id: "we_x" }],
    ['{"at":"2026-01-02T03:04:05.678Z"}', { at: "2026-01-02" }],
    ['{"on":"2026-01-02"}', { on: 1 }],
    ['{"state":"a"|"b"}', { state: "c" }],
    ['{"rows":[{"code","why"?}]}', { rows: [{ why: "" }] }],
    ['{"rows":[{"code"}]}', { rows: [{ code: 1, more: 1 }] }],
  ])("other than shown: %s", (shown, value) => expect(compared(shown, value)).not.toEqual([]))

  it("gives what its placeholders stand for", () => {
    const found: Placeholders = new Map()
    const { shown } = readShown('[{"id":"pb_…"},{"hash":"HASH…","account":"iban …3000"}]')
    expect(differencesOf(shown, [{ id: "pb_x" }, { hash: "0f", account: "iban …3000" }], found)).toEqual([])
    expect(Object.fromEntries(found)).toEqual({ "pb_…": "pb_x", "HASH…": "0f" })
  })

  it.each(["{", '{"a"', "[1 2]", '{"a":x}', "{1}", ""])("that cannot be read is refused: %s", (shown) => {
    expect(() => readShown(shown)).toThrow()
  })

  it("of lines is compared line by line", () => {
    const shown = 'id: 3\ndata: {"at":"2026-01-02T03:04:05.678Z",…}\n…\n'
    const line = 'data: {"at":"2027-01-02T03:04:05.678Z","more":1}'
    expect(differencesOfText(shown, `id: 3\r\n${line}\r\nid: 4\r\n`)).toEqual([])
    expect(differencesOfText(shown, `id: 4\n${line}\n`)).toHaveLength(1)
    expect(differencesOfText(shown, `id: 3\n${line.replace("at", "on")}\n`)).toHaveLength(1)
    expect(differencesOfText("a,b\n", "a,b\nc,d\n")).toHaveLength(1)
    expect(differencesOfText("a,b\n…\n", "")).toHaveLength(1)
  })
})

describe("the commands of a page", () => {
  const block = [
    "# before all",
    "curl -s $A/x \\",
    "  -d '{",
    '  "a": "#1" }\'   # 202 {"id":"x-…",',
    '#   "more":1}: done',
    '# 422 {"code"}',
    "node a.ts # 200",
    'curl "$A/y?a=1#b"',
  ].join("\n")

  it("are joined where a quotation or a backslash goes on, with their comments", () => {
    expect(commandsIn(block).map(({ text, line }) => [text.split(/\s/, 2).join(" "), line])).toEqual([
      ["curl -s", 1],
      ["node a.ts", 6],
      ['curl "$A/y?a=1#b"', 7],
    ])
    expect(() => commandsIn("curl 'a")).toThrow("not closed")
  })

  it("have the answers in their comments and in the block that follows", () => {
    const page = `text\n\`\`\`sh\n${block}\n\`\`\`\n\n\`\`\`json\n{"b":1}\n\`\`\`\n`
    const [first, second, ...others] = commandsOf("p.md", page)
    expect(others).toEqual([])
    expect(first?.answers.map(({ status, shown }) => [status, shown?.kind])).toEqual([
      [202, "object"],
      [422, "object"],
    ])
    expect([first?.place, second?.place]).toEqual(["p.md:4", "p.md:10"])
    expect(second?.answers).toEqual([{ shown: readShown('{"b":1}').shown }])
    expect(
      commandsOf("p.md", page.replace("\n\n```json", "\n\nFor example:\n\n```json"))[1]?.answers,
    ).toEqual([])
  })
})

describe("the stand-in for curl", () => {
  const commands = [
    "curl $URL/a",
    "curl -s '$URL/b?c=d' -H 'Accept: text/csv' -H 'X-One: a: b'",
    'curl $URL -X DELETE -H "Authorization: Bearer k"',
    `curl -N "$URL" -H 'Content-Type: application/json' -d '{"a":\n 1}'`,
    "curl $URL -d @biome.json",
    "curl $URL --data-binary @examples/payouts.csv",
  ]

  it("sends what curl sends, and prints what it prints", async ({ skip }) => {
    if (!(await hasCurl())) skip("there is no curl here")
    const seen: Array<unknown> = []
    const server = createServer(async (request, response) => {
      const {
        accept,
        authorization,
        "content-type": type,
        "content-length": length,
        "x-one": one,
      } = request.headers
      const { method, url } = request
      seen.push({ method, url, accept, authorization, type, length, one, body: await text(request) })
      response.writeHead(409, { "content-type": "text/plain; charset=utf-8" }).end("a\r\n\r\nb")
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const command of commands.map((command) => command.replaceAll("'$URL/b?c=d'", '"$URL/b?c=d"'))) {
      const answers = [await runCurl(command, { URL }), await runCurl(command, { URL }, "standIn")]
      expect(answers[1]).toEqual(answers[0])
      expect(answers[0]).toEqual({ status: 409, contentType: "text/plain", text: "a\r\n\r\nb" })
      const [own, other] = seen.splice(0)
      expect(other).toEqual(own)
    }
    server.close()
  })

  it.each([
    "curl --compressed http://127.0.0.1:1",
    "curl a b",
    "curl http://127.0.0.1:1/",
    "curl http://127.0.0.1:1 -d @missing",
  ])("refuses %s", async (command) => {
    await expect(runCurl(command, {}, "standIn")).rejects.toThrow()
  })
})
