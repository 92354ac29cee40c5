import { defineConfig } from "vitest/config"
import everything from "../vitest.config.ts"
import { slowFiles } from "./slow-files.ts"

/** `npm run test:slow`: the files that `npm test` leaves out, in their short form unless `TEST_LENGTH=long`. */
export default defineConfig({ test: { ...everything.test, include: [...slowFiles] } })
