import { expect, it } from "vitest"
import { migrations } from "../../src/database/migration-files.ts"
import { MIGRATION_BEFORE } from "../ops/earlier-release.ts"

it("has no migration that the release before could not work with: going back would not be possible", () => {
  const since = migrations.filter(({ number }) => number > MIGRATION_BEFORE)
  expect(since.filter(({ worksFrom }) => worksFrom > MIGRATION_BEFORE).map(({ name }) => name)).toEqual([])
  expect(migrations.length).toBeGreaterThanOrEqual(MIGRATION_BEFORE)
})
