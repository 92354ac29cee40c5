/** `npm run dashboards`: writes the dashboards as Grafana reads them. A test compares the files. */
import { mkdir, writeFile } from "node:fs/promises"
import { dashboardFiles } from "./dashboards.ts"

await mkdir(new URL("dashboards/", import.meta.url), { recursive: true })
for (const [path, text] of dashboardFiles) await writeFile(new URL(`../../${path}`, import.meta.url), text)
