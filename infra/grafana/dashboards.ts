/** All dashboards, and the files that are made of them. */
import { batchLife } from "./batch-life.ts"
import { type Board, dashboardOf } from "./board.ts"
import { moneyAndProviders } from "./money-and-providers.ts"
import { overview } from "./overview.ts"
import { runtime } from "./runtime.ts"

export const boards: ReadonlyArray<Board> = [overview, moneyAndProviders, batchLife, runtime]

/** The texts of the files by their paths from the root of the repository. */
export const dashboardFiles: ReadonlyMap<string, string> = new Map(
  boards.map((board) => [
    `infra/grafana/dashboards/${board.name}.json`,
    `${JSON.stringify(dashboardOf(board), null, 2)}\n`,
  ]),
)
