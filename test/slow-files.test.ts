/** Every test runs somewhere: in `npm test`, or in one of the scripts that docs/TESTING.md names. */
import { globSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { slowFiles } from "./slow-files.ts"

const root = join(import.meta.dirname, "..")

describe("the slow files", () => {
  it.each(slowFiles)("%s exists", (file) => {
    expect(globSync(file, { cwd: root })).toEqual([file])
  })

  it("are each in the list once", () => {
    expect([...new Set(slowFiles)]).toEqual(slowFiles)
  })

  it("are what `npm test` leaves out of all files, and all that `npm run test:slow` runs", async () => {
    const [everything, quick, slow] = await Promise.all(
      ["../vitest.config.ts", "./quick.config.ts", "./slow.config.ts"].map(
        async (path) => ((await import(path)) as { readonly default: Configuration }).default.test,
      ),
    )
    expect(quick).toEqual({ ...everything, exclude: [...(everything?.exclude ?? []), ...slowFiles] })
    expect(slow).toEqual({ ...everything, include: slowFiles })
  })
})

interface Configuration {
  readonly test: { readonly include: ReadonlyArray<string>; readonly exclude: ReadonlyArray<string> }
}
