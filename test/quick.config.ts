import { defineConfig } from "vitest/config"
import everything from "../vitest.config.ts"
import { slowFiles } from "./slow-files.ts"

/** What `npm test` runs: all files but the slow ones. */
export default defineConfig({
  test: { ...everything.test, exclude: [...(everything.test?.exclude ?? []), ...slowFiles] },
})
