/**
 * The programs that tests start as processes, built into few files: a run starts some two hundred, and finding and reading a thousand
 * modules is half of the processor time of a start. They lie in the folder of the run.
 */
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Plugin, rolldown } from "rolldown"

const root = join(import.meta.dirname, "..")

/** Where the programs of a run are, for all of its processes. */
export const PROGRAMS_FOLDER = "ATLASPAY_TEST_PROGRAMS"

const programs = {
  "src/main.ts": "main",
  "src/cli/main.ts": "cli-main",
  "src/sandbox/main.ts": "sandbox-main",
  "test/loaded-by-processes.ts": "loaded-by-processes",
} as const

/** The file to start for a program: what the run has built, or else the source, in the checkout where this process works. */
export const fileOf = (program: keyof typeof programs): string => {
  const folder = process.env[PROGRAMS_FOLDER]
  return folder === undefined ? program : join(folder, `${programs[program]}.mjs`)
}

/** Modules find their files, scripts and threads where their source is. */
const knowTheirPlace: Plugin = {
  name: "know-their-place",
  transform: {
    filter: { code: /import\.meta\.(url|dirname)/ },
    handler: (code, file) => ({
      code: code
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(file).href))
        .replaceAll("import.meta.dirname", JSON.stringify(join(file, ".."))),
      map: null,
    }),
  },
}

/** Builds the programs into a folder. From then on {@link fileOf} gives them, here and in processes that are started later. */
export const buildPrograms = async (folder: string): Promise<void> => {
  const input = Object.fromEntries(Object.entries(programs).map(([path, name]) => [name, join(root, path)]))
  const bundle = await rolldown({ input, platform: "node", plugins: [knowTheirPlace] })
  // As `.js`, Node would read each file twice to find out that it is a module: a sixteenth of a start.
  const fileNames = { entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" }
  await bundle.write({ dir: folder, format: "esm", ...fileNames })
  await bundle.close()
  process.env[PROGRAMS_FOLDER] = folder
}
