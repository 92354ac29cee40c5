/**
 * The schemas of pain.001, as ISO 20022 publishes them. Those of versions .08 and .11 are not among the published data. What is written
 * of them is held to the schema of .09 under its namespace: all types of what is written are the same in .11 (PostalAddress24,
 * PartyIdentification135, PaymentTypeInformation26, PaymentIdentification6), and .08 has no UETR, no LEI, and the BICs of .03.
 */
import { readFileSync } from "node:fs"
import { validateXML } from "xmllint-wasm"
import type { Message } from "../../../src/providers/iso20022/payment-variant.ts"
import { publishedFile } from "../../published-data.ts"

/** The versions whose schemas are there. */
const published = { "pain.001.001.03": true, "pain.001.001.09": true } as const
const isPublished = (message: Message): message is keyof typeof published => message in published

const namespace = (message: Message): string => `xmlns="urn:iso:std:iso:20022:tech:xsd:${message}"`

/** What the schema has against files of one version; nothing when all are valid. */
export const schemaProblems = async (
  files: ReadonlyArray<string>,
  message: Message = "pain.001.001.09",
): Promise<ReadonlyArray<string>> => {
  if (!isPublished(message)) {
    const foreign = files.filter((file) => !file.includes(namespace(message)))
    const renamed = files.map((file) => file.replace(namespace(message), namespace("pain.001.001.09")))
    const older = message === "pain.001.001.08" ? files.flatMap(strangersIn) : []
    return [
      ...foreign.map(() => "another namespace"),
      ...older,
      ...(await schemaProblems(renamed, "pain.001.001.09")),
    ]
  }
  const contents = readFileSync(publishedFile(`iso20022/${message}.xsd`), "utf8")
  const { errors } = await validateXML({
    xml: files.map((file, index) => ({ fileName: `${index}.xml`, contents: file })),
    schema: [{ fileName: `${message}.xsd`, contents }],
  })
  return errors.map(({ message }) => message)
}

/** What .08 does not have, of what .09 has. */
const strangersIn = (file: string): ReadonlyArray<string> => [
  ...["<UETR>", "<LEI>"].filter((element) => file.includes(element)),
  ...[...file.matchAll(/<(?:BICFI|AnyBIC)>([^<]*)</g)]
    .map(([, bic = ""]) => bic)
    .filter((bic) => !/^[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?$/.test(bic)),
]
