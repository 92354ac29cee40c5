import { Effect, Result } from "effect"
import { expect, it } from "vitest"
import { readBankMessage } from "../../../src/providers/iso20022/bank-message.ts"
import { readMessage } from "../../../src/providers/iso20022/bank-message-reader.ts"

const transfer = (n: number) =>
  `<TxInfAndSts><OrgnlEndToEndId>R${n}</OrgnlEndToEndId><TxSts>ACSC</TxSts>
    <OrgnlTxRef><Amt><InstdAmt Ccy="EUR">${n + 1}.00</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>`

const report = (transfers: number, end = "</Document>") =>
  Buffer.from(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr/>
    <OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId></OrgnlGrpInfAndSts>
    <OrgnlPmtInfAndSts><OrgnlPmtInfId>M1</OrgnlPmtInfId>${Array.from({ length: transfers }, (_, n) => transfer(n)).join("")}
    </OrgnlPmtInfAndSts></CstmrPmtStsRpt>${end}`)

it.each([1, 2_500])("a file of %i transfers is read as ever", async (transfers) => {
  const file = report(transfers)
  expect(await Effect.runPromise(Effect.result(readMessage(file)))).toEqual(readBankMessage(file))
})

it.each([1, 2_500])("a file of %i transfers that is broken is refused with its place", async (transfers) => {
  const file = report(transfers, "</Documents>")
  const expected = readBankMessage(file)
  expect(Result.isFailure(expected)).toBe(true)
  expect(await Effect.runPromise(Effect.result(readMessage(file)))).toEqual(expected)
})

it("others go on while a large file is read", async () => {
  let rounds = 0
  let isOver = false
  const reading = Effect.runPromise(Effect.result(readMessage(report(10_000)))).finally(() => {
    isOver = true
  })
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve))
    rounds += 1
  }
  const outcome = await reading
  expect(Result.isSuccess(outcome) && outcome.success.named.length).toBe(10_000)
  // Ten parts, each in a round of its own, and those in which the thread was at work.
  expect(rounds).toBeGreaterThan(100)
})

it("who no longer waits for a file ends its thread", async () => {
  const file = report(10_000)
  await Effect.runPromise(Effect.timeoutOption(readMessage(file), 50))
  expect(Result.isSuccess(await Effect.runPromise(Effect.result(readMessage(report(2)))))).toBe(true)
})
