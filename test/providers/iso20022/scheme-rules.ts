/**
 * What schemes ask of a file beyond its schema, read from the XML by itself: it shares no code with what writes it.
 *
 * - SEPA credit transfers: EPC132-08, "SCT Customer-to-PSP Implementation Guidelines" 2025 version 1.0, over the EPC125-05 rulebook;
 *   characters by EPC217-08; identifiers by EPC230-15; addresses by EPC153-22; countries by EPC409-09 version 8.0.
 * - Cross-border: the CBPR+ usage guidelines of SWIFT (RestrictedFINXMax…Text, and its _Extended form for names, addresses and
 *   remittances).
 * - ACH: the standard entry classes of the Nacha Operating Rules.
 * - Germany: Annex 3 of the DFÜ Agreement, section 2.1 (characters). Switzerland: Swiss Payment Standards, implementation guidelines for
 *   credit transfers (characters, QR accounts and references). Nordic countries: characters of ISO 8859-1.
 * - All: the rules of pain.001 that its schema cannot say (PaymentTypeInformation at one level only), ISO 11649 and ISO 7064.
 */

const sets = {
  latin: /^[A-Za-z0-9/?:().,'+ -]+$/,
  extended: /^[A-Za-z0-9/?:().,'+ !#$%&*=^_`{|}~";<>@[\\\]-]+$/,
  ascii: /^[\x20-\x7e]+$/,
  german: /^[A-Za-z0-9/?:().,'+ &*$%ÄÖÜäöüß-]+$/,
  "iso-8859-1": /^[\x20-\x7e\xa1-\xac\xae-\xff]+$/,
  swiss: /^[\x20-\x7e\xa1-\xac\xae-\u017f\u0218-\u021b\u20ac]+$/,
} as const
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

type RuledScheme = "sepa" | "faster-payments" | "ach" | "cross-border"

/** What a bank wants of its files, where it is not what everybody takes. */
export interface Wanted {
  readonly characters?: keyof typeof sets
  readonly hasUetrs?: boolean
  readonly batchBooking?: boolean
  readonly instant?: boolean
  readonly serviceLevel?: string
  readonly charges?: string
  readonly nameLengthMax?: number
  readonly remittanceLengthMax?: number
  readonly lines?: boolean
  readonly qr?: boolean
}

/** ISO 7064, mod 97-10, in one piece. */
const hasCheckDigits = (reference: string): boolean =>
  BigInt(
    [...`${reference.slice(4)}${reference.slice(0, 4)}`]
      .map((character) => Number.parseInt(character, 36))
      .join(""),
  ) %
    97n ===
  1n

/** Everything that a file breaks of the rules of the scheme that it is for; nothing when it keeps them. */
export const brokenRules = (xml: string, scheme: RuledScheme, wanted: Wanted = {}): ReadonlyArray<string> => {
  const broken: Array<string> = []
  const hold = (holds: boolean, rule: string): void => {
    if (!holds) broken.push(rule)
  }
  holdIds(xml, wanted, hold)
  holdTexts(xml, scheme, wanted, hold)
  holdTypes(xml, scheme, wanted, hold)
  holdRemittances(xml, scheme, wanted, hold)
  if (scheme === "sepa") holdSepa(xml, hold)
  else
    for (const transfer of scheme === "cross-border" ? partsOf(xml, "CdtTrfTxInf") : [])
      hold(partsOf(transfer, "PstlAdr").length === 1, "a payment across borders says where it goes")
  return broken
}

type Hold = (holds: boolean, rule: string) => void

const holdIds = (xml: string, { hasUetrs = true, batchBooking = false }: Wanted, hold: Hold): void => {
  for (const name of ["MsgId", "PmtInfId", "InstrId", "EndToEndId"])
    hold(
      textsOf(xml, name).every((text) => identifier.test(text)),
      `${name} is an identifier`,
    )
  hold(textsOf(xml, "BtchBookg").join() === String(batchBooking), "each transfer is booked by itself")
  // A bank may name a transfer by its file or its UETR alone: they must lead back to the order.
  hold(textsOf(xml, "PmtInfId").join() === textsOf(xml, "MsgId").join(), "the payment has its message's id")
  const transfers = partsOf(xml, "CdtTrfTxInf")
  const uetrs = textsOf(xml, "UETR")
  hold(uetrs.length === (hasUetrs ? transfers.length : 0), "each transfer has a UETR")
  hold(
    uetrs.every((text) => uetr.test(text)),
    "a UETR is a UUID of version 4",
  )
  hold(new Set(uetrs).size === uetrs.length, "no two transfers have one UETR")
  for (const transfer of hasUetrs ? transfers : [])
    hold(
      textsOf(transfer, "EndToEndId")
        .join()
        .endsWith(endIn(textsOf(transfer, "UETR").join())),
      "a UETR has the end of its reference",
    )
}

const holdTexts = (xml: string, scheme: RuledScheme, wanted: Wanted, hold: Hold): void => {
  const { characters = scheme === "cross-border" ? "extended" : "latin", lines = true } = wanted
  const { nameLengthMax = scheme === "sepa" ? 70 : 140, remittanceLengthMax = 140 } = wanted
  const names = partsOf(xml, "Cdtr").flatMap((creditor) => textsOf(creditor, "Nm"))
  hold(
    names.every(({ length }) => length <= nameLengthMax),
    `a creditor's name has 1 to ${nameLengthMax} characters`,
  )
  const lengths = {
    Nm: scheme === "sepa" ? 70 : 140,
    Ustrd: remittanceLengthMax,
    Nb: 35,
    ...{ StrtNm: 70, BldgNb: 16, PstCd: 16, TwnNm: 35, AdrLine: 70 },
  }
  for (const [name, lengthMax] of Object.entries(lengths))
    for (const text of textsOf(xml, name)) {
      hold(sets[characters].test(text), `${name} has the characters of its scheme`)
      hold(text.length <= lengthMax && text.trim() !== "", `${name} has 1 to ${lengthMax} characters`)
    }
  for (const address of partsOf(xml, "PstlAdr")) {
    hold(textsOf(address, "TwnNm").length === 1, "an address has a town")
    hold(/^[A-Z]{2}$/.test(textsOf(address, "Ctry").join()), "an address has a country")
    hold(textsOf(address, "AdrLine").length <= (lines ? 2 : 0), "an address has at most two free lines")
  }
}

/** The type of the payment. ISO 20022: in the payment or in its transfers, never in both. */
const holdTypes = (xml: string, scheme: RuledScheme, wanted: Wanted, hold: Hold): void => {
  const isSepa = scheme === "sepa"
  const { instant = false, serviceLevel = isSepa ? "SEPA" : undefined } = wanted
  const { charges = serviceLevel === "SEPA" ? "SLEV" : "SHAR" } = wanted
  const types = partsOf(xml, "PmtTpInf")
  const inTransfers = partsOf(xml, "CdtTrfTxInf").flatMap((transfer) => partsOf(transfer, "PmtTpInf"))
  hold(
    inTransfers.length === 0 || inTransfers.length === types.length,
    "the type is in the payment or in its transfers",
  )
  const levels = partsOf(xml, "SvcLvl").map((level) => textsOf(level, "Cd").join())
  hold(
    serviceLevel === undefined
      ? levels.length === 0
      : levels.length > 0 && levels.every((level) => level === serviceLevel),
    isSepa ? "the service level is SEPA" : "the service level is not SEPA",
  )
  hold(textsOf(xml, "ChrgBr").join() === charges, "charges are shared as the scheme says")
  const instruments = partsOf(xml, "LclInstrm").map((instrument) => textsOf(instrument, "Cd").join())
  if (scheme === "ach")
    hold(
      instruments.length === partsOf(xml, "CdtTrfTxInf").length &&
        instruments.every((instrument) => /^(PPD|CCD)$/.test(instrument)),
      "an ACH payment has a class",
    )
  // EPC121-16: the local instrument INST is what makes a SEPA payment an instant one.
  else hold(instruments.join() === (isSepa && instant ? "INST" : ""), "only instant payments say so")
  for (const name of ["CtgyPurp", "Purp"])
    for (const purpose of partsOf(xml, name))
      hold(/^[A-Z][A-Z0-9]{3}$/.test(textsOf(purpose, "Cd").join()), `${name} is a code`)
}

/** Text or one structured remittance: EPC132-08 takes either, of which the structured one is a creditor's reference. */
const holdRemittances = (xml: string, scheme: RuledScheme, { qr = false }: Wanted, hold: Hold): void => {
  for (const transfer of partsOf(xml, "CdtTrfTxInf")) {
    const structured = partsOf(transfer, "Strd")
    hold(
      structured.length + textsOf(transfer, "Ustrd").length <= 1,
      "a remittance is a text or one structured one",
    )
    const reference = structured.flatMap((part) => textsOf(part, "Ref")).join()
    const type = structured.flatMap((part) => [...textsOf(part, "Cd"), ...textsOf(part, "Prtry")]).join()
    if (type === "SCOR")
      hold(
        /^RF[0-9]{2}[A-Z0-9]{1,21}$/.test(reference) && hasCheckDigits(reference),
        "a creditor's reference has its check digits",
      )
    hold(scheme !== "sepa" || !transfer.includes("<RfrdDocInf>"), "SEPA names no documents")
    // Swiss Payment Standards: a QR account is paid with a QR reference, and no other account is.
    const isQr = /^(CH|LI)..3[01]/.test(textsOf(transfer, "IBAN").join())
    if (qr || type === "QRR")
      hold(
        (type === "QRR") === isQr && (!isQr || /^[0-9]{27}$/.test(reference)),
        "QR accounts have QR references",
      )
  }
}

const holdSepa = (xml: string, hold: Hold): void => {
  const amounts = textsOf(xml, "InstdAmt").map(Number)
  hold(
    amounts.every((amount) => amount >= 0.01 && amount <= 999_999_999.99),
    "amounts are SEPA's",
  )
  hold(!/Ccy="(?!EUR)/.test(xml), "the currency is the euro")
  for (const transfer of partsOf(xml, "CdtTrfTxInf"))
    hold(sepaPrefixes.has(textsOf(transfer, "IBAN").join().slice(0, 2)), "the account is in SEPA")
  const ids = partsOf(xml, "OrgId")
  hold(
    ids.every((id) => /^\s*<(AnyBIC|BICOrBEI|LEI|Othr)/.test(id)),
    "an organisation has an identification",
  )
  const countOf = (id: string): number =>
    ["AnyBIC", "BICOrBEI", "LEI"].flatMap((name) => textsOf(id, name)).length + partsOf(id, "Othr").length
  hold(
    ids.every((id) => countOf(id) === 1),
    "an organisation has one identification",
  )
}
