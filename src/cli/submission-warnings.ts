/** What the service accepted and finds strange, in lines that name the places in the file. */
import type { Warning } from "../client/command-client.ts"

const WARNINGS_SHOWN_MAX = 20
const ITEMS_SHOWN_MAX = 20

/**
 * The first warnings, each with the first items that it is about, and how many more there are. `placeOf` names the place of an
 * item's field in the file; of the file as a whole without an item.
 */
export const warningLines = (
  warnings: ReadonlyArray<Warning>,
  placeOf: (item: number | undefined, field: string | undefined) => string,
): ReadonlyArray<string> => [
  ...warnings
    .slice(0, WARNINGS_SHOWN_MAX)
    .flatMap(({ item, field, detail, items = [] }) => [
      `warning: ${placeOf(item, field)}: ${detail}`,
      ...items
        .slice(0, ITEMS_SHOWN_MAX)
        .map(({ item, duplicateOf }) => `  ${placeOf(item, undefined)}${sameAs(duplicateOf)}`),
      ...more(items.length - ITEMS_SHOWN_MAX, "  … and", ""),
    ]),
  ...more(warnings.length - WARNINGS_SHOWN_MAX, "… and", " warnings"),
]

const more = (count: number, before: string, after: string): ReadonlyArray<string> =>
  count > 0 ? [`${before} ${count} more${after}`] : []

const sameAs = (other: { readonly batch: string; readonly item: number } | undefined): string =>
  other === undefined ? "" : `: as item ${other.item} of ${other.batch}`
