/** The twins of real providers that a local platform pays through, in the place of the sandbox's own servers. */
import { Result } from "effect"
import { type TwinName, twinNames } from "../sandbox/data-folder.ts"

/** What a twin stands in for. A platform has one compliance engine and one ledger, and any number of banks. */
export const partOf: Readonly<Record<TwinName, "bank" | "compliance" | "ledger">> = {
  adyen: "bank",
  paypal: "bank",
  watchman: "compliance",
  yente: "compliance",
  formance: "ledger",
}

/** Twins of banks that give no statement, so that a day with them cannot be reconciled without one from elsewhere. */
export const withoutStatement: ReadonlySet<string> = new Set<TwinName>(["paypal"])

/** Reads "adyen,paypal,watchman,formance", or says what is wrong with it. */
export const chosenTwins = (text: string): Result.Result<ReadonlyArray<TwinName>, string> => {
  const chosen: Array<TwinName> = []
  for (const name of text.split(",").map((name) => name.trim())) {
    const twin = twinNames.find((twin) => twin === name)
    if (twin === undefined)
      return Result.fail(`there is no provider ${name}: choose from ${twinNames.join(", ")}`)
    const rival = chosen.find(
      (other) => other === twin || (partOf[twin] !== "bank" && partOf[other] === partOf[twin]),
    )
    if (rival === twin) return Result.fail(`${twin} is there twice`)
    if (rival !== undefined)
      return Result.fail(`${rival} and ${twin} are both the ${partOf[twin]}: choose one`)
    chosen.push(twin)
  }
  return Result.succeed(chosen)
}
