/**
 * What schemes ask of a file beyond its schema, read from the XML by itself: it shares no code with what writes it.
 *
 * - SEPA credit transfers: EPC132-08, "SCT Customer-to-PSP Implementation Guidelines" 2025 version 1.0, over the EPC125-05 rulebook;
 *   characters by EPC217-08; identifiers by EPC230-15; addresses by EPC153-22; countries by EPC409-09 version 8.0.
 * - Cross-border: the CBPR+ usage guidelines of SWIFT (RestrictedFINXMax…Text, and its _Extended form for names, addresses and
 *   remittances).
 * - ACH: the standard entry classes of the Nacha Operating Rules.
 */

const latin = /^[A-Za-z0-9/?:().,'+ -]+$/
const extended = /^[A-Za-z0-9/?:().,'+ !#$%&*=^_`{|}~";<>@[\\\]-]+$/
const identifier = /^(?!\/)(?!.*\/\/)(?!.*\/$)[A-Za-z0-9/?:().,'+ -]{1,35}$/
const uetr = /^[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}$/
const sepaPrefixes = new Set(
  "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM VA".split(
    " ",
  ),
)

const unescaped = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&")

/** The texts of all elements of a name. */
const textsOf = (xml: string, name: string): ReadonlyArray<string> =>
  [...xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`, "g"))].map(([, text = ""]) =>
    unescaped(text),
  )

/** The insides of all elements of a name that have elements in them. */
const partsOf = (xml: string, name: string): ReadonlyArray<string> =>
  [...xml.matchAll(new RegExp(`<${name}>\\s*(<[\\s\\S]*?)</${name}>`, "g"))].map(([, part = ""]) => part)

/**
 * The end of a reference of ours in a UETR, by the layout that ADR 24 gives: of its 122 free bits, 20 characters of base 32 are
 * before the item's 17 bits and the attempt's four.
 */
const endIn = (text: string): string => {
  const digits = text.replaceAll("-", "")
  const bits = [...digits].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")).join("")
  const free = bits.slice(0, 48) + bits.slice(52, 64) + bits.slice(66)
  const characters = free.slice(1, 101).match(/.{5}/g) ?? []
  const letters = characters.map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(five, 2)])
  return `${letters.join("")}-${Number.parseInt(free.slice(101, 118), 2)}-${Number.parseInt(free.slice(118), 2)}`
}

/** Everything that a file breaks of the rules of the scheme that it is for; nothing when it keeps them. */
export const brokenRules = (
  xml: string,
  scheme: "sepa" | "faster-payments" | "ach" | "cross-border",
): ReadonlyArray<string> => {
  const isSepa = scheme === "sepa"
  const isAcross = scheme === "cross-border"
  const broken: Array<string> = []
  const hold = (holds: boolean, rule: string): void => {
    if (!holds) broken.push(rule)
  }
  for (const name of ["MsgId", "PmtInfId", "InstrId", "EndToEndId"])
    hold(
      textsOf(xml, name).every((text) => identifier.test(text)),
      `${name} is an identifier`,
    )
  const transfers = partsOf(xml, "CdtTrfTxInf")
  hold(textsOf(xml, "UETR").length === transfers.length, "each transfer has a UETR")
  hold(
    textsOf(xml, "UETR").every((text) => uetr.test(text)),
    "a UETR is a UUID of version 4",
  )
  hold(new Set(textsOf(xml, "UETR")).size === transfers.length, "no two transfers have one UETR")
  // A bank may name a transfer by its file or its UETR alone: they must lead back to the order.
  hold(textsOf(xml, "PmtInfId").join() === textsOf(xml, "MsgId").join(), "the payment has its message's id")
  for (const transfer of transfers)
    hold(
      textsOf(transfer, "EndToEndId")
        .join()
        .endsWith(endIn(textsOf(transfer, "UETR").join())),
      "a UETR has the end of its reference",
    )
  const characters = isAcross ? extended : latin
  const lengths = { Nm: isSepa ? 70 : 140, Ustrd: 140, StrtNm: 70, BldgNb: 16, PstCd: 16, TwnNm: 35 }
  for (const [name, lengthMax] of Object.entries(lengths))
    for (const text of textsOf(xml, name)) {
      hold(characters.test(text), `${name} has the characters of its scheme`)
      hold(text.length <= lengthMax && text.trim() !== "", `${name} has 1 to ${lengthMax} characters`)
    }
  for (const address of partsOf(xml, "PstlAdr")) {
    hold(textsOf(address, "TwnNm").length === 1, "an address has a town")
    hold(/^[A-Z]{2}$/.test(textsOf(address, "Ctry").join()), "an address has a country")
    hold(!address.includes("<AdrLine>"), "an address has no free lines")
  }
  hold(textsOf(xml, "BtchBookg").join() === "false", "each transfer is booked by itself")
  if (isSepa) {
    hold(textsOf(xml, "Cd").includes("SEPA"), "the service level is SEPA")
    hold(textsOf(xml, "ChrgBr").join() === "SLEV", "charges are shared as the scheme says")
    const amounts = textsOf(xml, "InstdAmt").map(Number)
    hold(
      amounts.every((amount) => amount >= 0.01 && amount <= 999_999_999.99),
      "amounts are SEPA's",
    )
    hold(!/Ccy="(?!EUR)/.test(xml), "the currency is the euro")
    for (const transfer of transfers)
      hold(sepaPrefixes.has(textsOf(transfer, "IBAN").join().slice(0, 2)), "the account is in SEPA")
    const ids = partsOf(xml, "OrgId")
    hold(
      ids.every((id) => /^\s*<(AnyBIC|LEI|Othr)/.test(id)),
      "an organisation has an identification",
    )
    hold(
      ids.every(
        (id) => textsOf(id, "AnyBIC").length + textsOf(id, "LEI").length + partsOf(id, "Othr").length === 1,
      ),
      "an organisation has one identification",
    )
  } else {
    hold(!textsOf(xml, "Cd").includes("SEPA"), "the service level is not SEPA")
    for (const transfer of isAcross ? transfers : [])
      hold(partsOf(transfer, "PstlAdr").length === 1, "a payment across borders says where it goes")
  }
  if (scheme === "ach")
    for (const transfer of transfers)
      hold(/<LclInstrm>\s*<Cd>(PPD|CCD)</.test(transfer), "an ACH payment has a class")
  return broken
}
