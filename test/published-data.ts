/** Schemas and samples that others published. They lie beside the checkout and are no part of it: without them, tests skip. */
import { existsSync } from "node:fs"

const folder = ["../shared/data", "../../shared/data"].find((path) => existsSync(path))

export const isPublishedDataThere = folder !== undefined

export const publishedFile = (path: string): string => `${folder}/${path}`

/** A folder of small inputs that failed once, and of which it is known what is right; nothing where they are missing. */
export const sharedCase = (kind: string): string | undefined =>
  ["../shared/cases", "../../shared/cases"].map((path) => `${path}/${kind}`).find((path) => existsSync(path))
