/** The OpenAPI document itself: it is complete, it is the committed one, and its examples are as it says. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { contractFiles } from "../../infra/contract-files.ts"
import { apiRoutes, definitions, openApiDocument } from "../../src/http/routes.ts"
import { mismatchOf } from "./openapi-validation.ts"
import { routesOfApp } from "./routes-of-app.ts"

const root = join(import.meta.dirname, "../..")

describe("the document", () => {
  it.each([...contractFiles])(
    "and what is made with it is in %s: `npm run openapi` writes it",
    (path, text) => {
      expect(readFileSync(join(root, path), "utf8")).toBe(text)
    },
  )

  it("has every route of the app, and no other", async () => {
    const defined = apiRoutes.map(({ definition: { method, path } }) => `${method} ${path}`)
    expect(defined.sort()).toEqual([...(await routesOfApp())].sort())
  })

  it("names each operation once, with a summary that is no sentence", () => {
    const ids = definitions.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { summary, description } of definitions) {
      expect(summary).not.toMatch(/\.$/)
      expect(description).toMatch(/\.$/)
    }
  })

  it("refers only to what it has, and has nothing that nobody refers to", () => {
    const text = JSON.stringify(openApiDocument)
    for (const kind of ["schemas", "examples"] as const) {
      const names = [...text.matchAll(new RegExp(`#/components/${kind}/([\\w.-]+)`, "g"))].map(
        ([, name]) => name,
      )
      expect(new Set(names)).toEqual(new Set(Object.keys(Object(openApiDocument.components[kind]))))
    }
  })

  it("has examples that match their schemas", () => {
    const wrong: Array<string> = []
    const look = (value: unknown, path: ReadonlyArray<string>): void => {
      if (typeof value !== "object" || value === null) return
      if ("example" in value && "schema" in value) {
        const mismatch = mismatchOf("published", [...path, "schema"], value.example)
        if (mismatch !== undefined) wrong.push(`${path.join(" ")}: ${mismatch}`)
      }
      for (const [name, within] of Object.entries(value))
        if (name !== "example") look(within, [...path, name])
    }
    look(openApiDocument.paths, ["paths"])
    expect(wrong).toEqual([])
  })
})

describe("each type of problem", () => {
  const slugs = Object.keys(Object(openApiDocument.components.examples))

  it.each(slugs)("%s has an example that matches its schema, and a line in docs/API.md", (slug) => {
    const { value } = Object(openApiDocument.components.examples)[slug]
    const name = `${slug.replaceAll(/(?:^|-)([a-z])/g, (_, letter) => letter.toUpperCase())}Problem`
    expect(mismatchOf("strict", ["components", "schemas", name], value)).toBeUndefined()
    expect(readFileSync(join(root, "docs/API.md"), "utf8")).toContain(`\`${slug}\``)
  })
})
