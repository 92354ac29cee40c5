/** The folder of a bank: who can read what AtlasPay makes in it, and how AtlasPay identifies it. */
import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { identify, prepare } from "../../../../src/providers/banks/files/folder.ts"
import { readInbox } from "../../../../src/providers/banks/files/inbox.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { type OwnDatabase, ownDatabase } from "../../../database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { place } from "./outbox-under-test.ts"

let database: OwnDatabase
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

it("a folder is nobody else's business, and has no id while another process writes it", async () => {
  using test = new FileBankUnderTest(database)
  const folder = join(test.bank.folder, "new")
  await test.run(prepare(folder))
  expect(statSync(join(folder, "outbox")).mode & 0o007).toBe(0)
  writeFileSync(join(folder, ".folder-id"), "")
  expect(await test.run(Effect.flip(identify(folder)))).toMatchObject({
    reason: ".folder-id is not complete",
  })
  rmSync(join(folder, ".folder-id"))
  expect(await test.run(identify(folder))).toBe(await test.run(identify(folder)))
})

/** A report that tells of nothing: it is read, and put away. */
const emptyReport =
  '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr/><OrgnlGrpInfAndSts><OrgnlMsgId>unknown</OrgnlMsgId></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>'

/** Every file and folder of a bank's folder that there is, by its mode. */
const modesIn = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => [
      path.replace(/[^/]*\.xml/, "file"),
      (statSync(join(folder, path)).mode & 0o777).toString(8),
    ]),
  )

it.each([0o000, 0o022, 0o077])(
  "what is made is for owner and group alone, whatever the umask: %o",
  async (umask) => {
    using test = new FileBankUnderTest(database)
    const folder = join(test.bank.folder, "deeper", "new")
    const bank = { ...test.bank, folder }
    const before = process.umask(umask)
    try {
      await test.run(
        Effect.gen(function* () {
          yield* prepare(folder)
          yield* place(test, [1])
          yield* writeOutbox(bank)
          for (const [name, content] of [
            ["good.xml", emptyReport],
            ["bad.xml", "nonsense"],
          ] as const)
            writeFileSync(join(folder, "inbox", name), content, { mode: 0o666 })
          yield* Effect.flatMap(readInbox(bank, new Set()), (seen) => readInbox(bank, seen))
        }),
      )
    } finally {
      process.umask(before)
    }
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("770")
    expect(modesIn(folder)).toEqual({
      ".folder-id": "640",
      archive: "770",
      "archive/file": "640",
      inbox: "770",
      outbox: "770",
      "outbox/file": "640",
      quarantine: "770",
      "quarantine/file": "640",
      "quarantine/file.reason": "640",
    })
  },
)

it("a folder that is there is left as it is, and it is told when everybody can get in", async () => {
  using test = new FileBankUnderTest(database)
  chmodSync(join(test.bank.folder, "archive"), 0o777)
  for (const room of ["", "outbox", "inbox", "quarantine"]) chmodSync(join(test.bank.folder, room), 0o750)
  await test.run(prepare(test.bank.folder))
  expect(statSync(join(test.bank.folder, "archive")).mode & 0o777).toBe(0o777)
  const told = test.lines.filter((line) => line.includes("open to everybody"))
  expect(told).toHaveLength(1)
  expect(JSON.parse(told[0] ?? "").details).toEqual([{ folders: [join(test.bank.folder, "archive")] }])
})
