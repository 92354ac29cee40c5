/*
 * Copies Prometheus' rules and Grafana's dashboards into the chart: `node infra/helm/copied-files.mjs`. A chart can only read files in its own
 * folder. test/infra/chart.test.ts fails while they differ.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "../..")

/** From where to where, and which files. */
const COPIES = [
  { from: "infra/prometheus/rules", to: "infra/helm/atlaspay/files/rules", ends: ".yml" },
  { from: "infra/grafana/dashboards", to: "infra/helm/atlaspay/files/dashboards", ends: ".json" },
]

const filesIn = (folder, ends) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(ends))
    .sort()

/** What the chart should have, and what it has: the texts by their paths in the project. */
export const copiedFiles = () => ({
  wanted: new Map(
    COPIES.flatMap(({ from, to, ends }) =>
      filesIn(from, ends).map((name) => [join(to, name), readFileSync(join(root, from, name), "utf8")]),
    ),
  ),
  found: new Map(
    COPIES.flatMap(({ to, ends }) =>
      filesIn(to, ends).map((name) => [join(to, name), readFileSync(join(root, to, name), "utf8")]),
    ),
  ),
})

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { wanted, found } = copiedFiles()
  for (const path of found.keys()) if (!wanted.has(path)) rmSync(join(root, path))
  for (const [path, text] of wanted) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}
