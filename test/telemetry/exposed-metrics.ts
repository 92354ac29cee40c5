/** What Prometheus would read of a text of metrics, and what must not be there. */

export interface Sample {
  readonly line: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The samples of a text in Prometheus' format. */
export const samplesIn = (text: string): ReadonlyArray<Sample> =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = /^([a-zA-Z0-9_:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      return {
        line,
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", text = ""]) => [
            label,
            text,
          ]),
        ),
        value: Number(value),
      }
    })

/** A name from the code or the settings; outcomes of ports are tags. Ids are longer, and have digits in between. */
const word = /^[A-Za-z][a-zA-Z_-]{0,24}[0-9]{0,3}$/
/** What the values of each label look like. A label that is not here is a mistake. */
const values: Readonly<Record<string, RegExp>> = {
  // What Node's own metrics have.
  le: /^(\+Inf|[0-9.e+-]+)$/,
  type: /^[A-Za-z]{1,40}$/,
  kind: word,
  // V8 names its spaces at length.
  space: /^[a-z_]{1,40}$/,
  version: /^v?\d+\.\d+\.\d+\S{0,20}$/,
  major: /^\d+$/,
  minor: /^\d+$/,
  patch: /^\d+$/,
  node: /^\d+\.\d+\.\d+$/,
  roles: /^[a-z-]+(,[a-z-]+)*$/,
  method: /^(GET|HEAD|POST|PUT|DELETE|OTHER)$/,
  route: /^(unmatched|(\/[a-zA-Z0-9:._-]*)+)$/,
  status: /^([1-5]xx|[1-5]\d\d)$/,
  currency: /^[A-Z]{3}$/,
  scheme: /^(sepa|faster-payments|ach|cross-border)$/,
  server: /^[0-9a-zA-Z.:_-]{1,80}$/,
  part: /^[a-z-]{1,40}$/,
  reason: /^[A-Za-z][A-Za-z_-]{0,40}[0-9]{0,3}$/,
  ...Object.fromEntries(
    [
      ...[
        "bank",
        "provider",
        "step",
        "outcome",
        "state",
        "flag",
        "follower",
        "reading",
        "scope",
        "form",
        "loss",
        "compensation",
      ],
      ...["store", "table"],
    ].map((label) => [label, word]),
  ),
}

/** Series of one metric. A partner or a batch as a label would make more. */
const SERIES_MAX = 400

/** Labels whose values are not those of a closed set, and metrics that have too many of them. */
export const labelProblems = (text: string): ReadonlyArray<string> => {
  const samples = samplesIn(text)
  const odd = samples.flatMap(({ line, labels }) =>
    Object.entries(labels).flatMap(([label, value]) =>
      values[label]?.test(value) === true ? [] : [`${label} in ${line}`],
    ),
  )
  const crowded = [...Map.groupBy(samples, ({ name }) => name)].flatMap(([name, { length }]) => {
    const most = name.endsWith("_bucket") ? 20 * SERIES_MAX : SERIES_MAX
    return length > most ? [`${name} has ${length} series`] : []
  })
  return [...odd, ...crowded]
}
