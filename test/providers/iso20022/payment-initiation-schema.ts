/** The schema of pain.001.001.09, as ISO 20022 publishes it. */
import { readFileSync } from "node:fs"
import { validateXML } from "xmllint-wasm"
import { publishedFile } from "../../published-data.ts"

/** What the schema has against files; nothing when all are valid. */
export const schemaProblems = async (files: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const contents = readFileSync(publishedFile("iso20022/pain.001.001.09.xsd"), "utf8")
  const { errors } = await validateXML({
    xml: files.map((file, index) => ({ fileName: `${index}.xml`, contents: file })),
    schema: [{ fileName: "pain.001.001.09.xsd", contents }],
  })
  return errors.map(({ message }) => message)
}
