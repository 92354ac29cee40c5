import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { migrations, readMigrations } from "../../src/database/migration-files.ts"

const release = ["0001-payouts.sql", "0002-webhooks.sql"]

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "migrations-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const namesWith = (...others: ReadonlyArray<string>): ReadonlyArray<string> => {
  for (const name of [...release, ...others]) writeFileSync(join(folder, name), "select 1;\n")
  return readMigrations(pathToFileURL(`${folder}/`)).map(({ name }) => name)
}

describe("the folder of the migrations", () => {
  it.each([
    "0002-webhooks.sql~",
    "0002-webhooks.sql.orig",
    "#0002-webhooks.sql#",
    ".0002-webhooks.sql.swp",
    ".#0002-webhooks.sql",
    ".DS_Store",
    "README.md",
  ])("may have %s in it, which is no migration", (stray) => {
    expect(namesWith(stray)).toEqual(release)
  })

  it.each(["3-vault.sql", "0003_vault.sql", "0003-Vault.sql", "0003-vault.SQL", "vault.sql", "0003.sql"])(
    "has no %s, which is misnamed",
    (misnamed) => {
      expect(() => namesWith(misnamed)).toThrow(`${misnamed}: a migration is called 0001-what-it-does.sql`)
    },
  )

  it("has each number once, and none is missing", () => {
    expect(() => namesWith("0004-vault.sql")).toThrow("0004-vault.sql: the migration after 2 is 3")
    rmSync(join(folder, "0004-vault.sql"))
    expect(() => namesWith("0002-zeal.sql")).toThrow("0002-zeal.sql: the migration after 2 is 3")
  })
})

it("that only adds locks out no release that could work with the migrations before it", () => {
  const adding = migrations.filter(({ number, worksFrom }) => worksFrom < number)
  const locking = adding.filter(({ number, worksFrom }) =>
    migrations.some(
      (before) =>
        before.number === number - 1 && before.worksFrom < worksFrom && before.worksFrom < before.number,
    ),
  )
  expect(locking.map(({ name }) => name)).toEqual([])
})
