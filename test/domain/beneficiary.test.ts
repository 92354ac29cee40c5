import { Result, Schema } from "effect"
import { isValidBIC } from "ibantools"
import { describe, expect, it } from "vitest"
import {
  Address,
  Beneficiary,
  BeneficiaryAccount,
  heldAccount,
  maskedAccount,
  openedBeneficiaryOf,
  PlainText,
  quotesAccount,
  sealedOf,
  typeOf,
  unsealed,
  VisibleBeneficiary,
  visibleBeneficiaryOf,
  visibleOf,
} from "../../src/domain/beneficiary.ts"
import { fc } from "../property.ts"

const readAccount = Schema.decodeUnknownResult(BeneficiaryAccount)
const isAccount = (account: unknown): boolean => Result.isSuccess(readAccount(account))
const problemOf = (account: unknown): string => Result.getOrThrow(Result.flip(readAccount(account))).message

const iban = { scheme: "iban", iban: "DE89370400440532013000" } as const
const sortCode = { scheme: "sort-code", sortCode: "200000", accountNumber: "55779911" } as const
const aba = {
  scheme: "aba",
  routingNumber: "021000021",
  accountNumber: "123456789",
  accountType: "checking",
} as const
const bic = { scheme: "bic", bic: "BOTKJPJT", accountNumber: "1234567" } as const
const email = { scheme: "email", email: "ada@example.com" } as const
const phone = { scheme: "phone", phone: "+14155552671" } as const
const payPal = { scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" } as const

describe("an account", () => {
  it.each([
    ["an IBAN", iban],
    ["an IBAN with its BIC", { ...iban, bic: "COBADEFFXXX" }],
    ["a sort code and account number", sortCode],
    ["an ABA routing number and checking account", aba],
    ["an ABA routing number and savings account", { ...aba, accountType: "savings" }],
    ["a BIC and account number", bic],
    ["an e-mail address", email],
    ["an e-mail address of a quiet kind", { scheme: "email", email: "o'neill+pay_2@mail.example.co" }],
    ["a telephone number", phone],
    ["a PayPal id", payPal],
    ["a BIC and an IBAN for an account number", { ...bic, bic: "COBADEFF", accountNumber: iban.iban }],
    ["a British IBAN with a BIC of Jersey", { ...iban, iban: "GB29NWBK60161331926819", bic: "NWBKJESH" }],
    [
      "a French IBAN with a BIC of Réunion",
      { ...iban, iban: "FR1420041010050500013M02606", bic: "BFCORERX" },
    ],
    [
      "an IBAN of Monaco with a French BIC",
      { ...iban, iban: "MC5811222000010123456789030", bic: "CMCIFRPP" },
    ],
    ["an IBAN and a BIC of San Marino", { ...iban, iban: "SM86U0322509800000000270100", bic: "MAOISMSM" }],
    ["an IBAN and a BIC of the Vatican", { ...iban, iban: "VA59001123000012345678", bic: "IOPRVAVX" }],
    ["an IBAN and a BIC of Kosovo", { ...iban, iban: "XK051212012345678906", bic: "NCBVXKPR" }],
  ])("is %s", (_, account) => {
    expect(readAccount(account)).toEqual(Result.succeed(account))
  })

  it.each([
    ["no scheme", { iban: iban.iban }],
    ["a scheme that nobody knows", { ...iban, scheme: "clabe" }],
    ["the fields of another scheme", { ...sortCode, scheme: "iban" }],
    ["an IBAN with a wrong digit", { ...iban, iban: "DE89370400440532013001" }],
    ["an IBAN with spaces", { ...iban, iban: "DE89 3704 0044 0532 0130 00" }],
    ["an IBAN in lower case", { ...iban, iban: "de89370400440532013000" }],
    ["a BIC in lower case", { ...iban, bic: "cobadeff" }],
    ["a BIC of nine characters", { ...iban, bic: "COBADEFFX" }],
    ["a BIC with digits for a country", { ...bic, bic: "BOTK00JT" }],
    ["a BIC of a country that there is not", { ...bic, bic: "BOTKQQJT" }],
    ["a BIC of another country than its IBAN", { ...iban, bic: "BNPAFRPP" }],
    [
      "an IBAN with a wrong digit as an account number",
      { ...bic, bic: "COBADEFF", accountNumber: "DE89370400440532013001" },
    ],
    ["an IBAN of another country than the BIC", { ...bic, accountNumber: "DE89370400440532013000" }],
    ["an IBAN as the number of an account in the USA", { ...aba, accountNumber: "DE89370400440532013000" }],
    ["a routing number of a range that is not in use", { ...aba, routingNumber: "131000025" }],
    ["a sort code with hyphens", { ...sortCode, sortCode: "20-00-00" }],
    ["a sort code of five digits", { ...sortCode, sortCode: "20000" }],
    ["a British account number of seven digits", { ...sortCode, accountNumber: "5577991" }],
    ["a British account number with letters", { ...sortCode, accountNumber: "5577991A" }],
    ["a routing number with a wrong check digit", { ...aba, routingNumber: "021000022" }],
    ["a routing number of eight digits", { ...aba, routingNumber: "02100002" }],
    ["a routing number of ten digits", { ...aba, routingNumber: "0210000210" }],
    ["a routing number of zeros, whose sum divides by ten", { ...aba, routingNumber: "000000000" }],
    ["a kind of account that the ABA scheme lacks", { ...aba, accountType: "current" }],
    ["no account number", { ...aba, accountNumber: "" }],
    ["an account number of 35 characters", { ...bic, accountNumber: "1".repeat(35) }],
    ["an account number with a space", { ...bic, accountNumber: "123 456" }],
    ["an account number with a line break", { ...bic, accountNumber: "1234567\n" }],
    ["an account number that is not a text", { ...bic, accountNumber: 1234567 }],
    ["an e-mail address without its domain", { ...email, email: "ada@" }],
    ["an e-mail address in a local network", { ...email, email: "ada@localhost" }],
    ["an e-mail address with a name", { ...email, email: "Ada <ada@example.com>" }],
    ["two e-mail addresses", { ...email, email: "ada@example.com,bob@example.com" }],
    ["an e-mail address with two dots in a row", { ...email, email: "ada..l@example.com" }],
    ["an e-mail address with letters that look like others", { ...email, email: "\u0430da@example.com" }],
    ["an e-mail address of 128 characters", { ...email, email: `${"a".repeat(60)}@${"b".repeat(63)}.com` }],
    ["a telephone number without its country", { ...phone, phone: "4155552671" }],
    ["a telephone number with blanks", { ...phone, phone: "+1 415 555 2671" }],
    ["a telephone number of a country that begins with zero", { ...phone, phone: "+04155552671" }],
    ["a telephone number of 16 digits", { ...phone, phone: "+1234567890123456" }],
    ["a PayPal id of 12 characters", { ...payPal, paypalId: "G83JXTJ5EHCQ" }],
    ["a PayPal id with a letter that looks like a digit", { ...payPal, paypalId: "G83JXTJ5EHCQO" }],
    ["a wallet in the field of another", { scheme: "email", phone: "+14155552671" }],
  ])("is not %s", (_, account) => {
    expect(isAccount(account)).toBe(false)
  })

  it.each([
    [{ ...iban, iban: "DE89370400440532013001" }, "the check digits do not match"],
    [{ ...aba, routingNumber: "021000022" }, "the check digit does not match"],
    [{ ...sortCode, sortCode: "20-00-00" }, "expected 6 digits"],
    [{ ...bic, bic: "BOTKQQJT" }, "characters 5 and 6 of a BIC must be a country"],
    [{ ...iban, bic: "BNPAFRPP" }, "the BIC is of a bank in FR, the IBAN of an account in DE"],
    [{ ...bic, accountNumber: "DE89370400440532013001" }, "this looks like an IBAN: the check digits"],
    [{ ...aba, accountNumber: "DE89370400440532013000" }, "send it with the scheme iban"],
    [{ ...aba, routingNumber: "131000025" }, "the first two digits are not"],
  ])("that is refused says why (case %#)", (account, reason) => {
    expect(problemOf(account)).toContain(reason)
  })

  it("has a BIC where ibantools sees one too, which allows letters alone in the first four characters", () => {
    const likely = fc.stringMatching(/^[A-Z]{4}(DE|FR|JP|US|GB)[A-Z0-9]{2}([A-Z0-9]{3})?$/)
    fc.assert(
      fc.property(likely, (code) => {
        expect([code, isAccount({ ...bic, bic: code })]).toEqual([code, isValidBIC(code)])
      }),
    )
  })
})

describe("an ABA routing number", () => {
  it.each(["021000021", "011401533", "091000019", "121000248", "322271627"])(
    "such as %s is valid",
    (routingNumber) => {
      expect(isAccount({ ...aba, routingNumber })).toBe(true)
    },
  )

  it("has exactly one check digit for any eight digits that begin as the ABA assigns them", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(0[0-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)[0-9]{6}$/), (digits) => {
        fc.pre(digits !== "00000000")
        const valid = [..."0123456789"].filter((check) =>
          isAccount({ ...aba, routingNumber: digits + check }),
        )
        expect(valid.length).toBe(1)
      }),
    )
  })

  it.each([13, 20, 33, 50, 60, 73, 79, 81, 99])("does not begin with %i", (prefix) => {
    for (const check of "0123456789")
      expect(isAccount({ ...aba, routingNumber: `${prefix}100002${check}` })).toBe(false)
  })
})

describe("a name", () => {
  const isName = Schema.is(PlainText(140))

  it.each([
    "Ada Lovelace",
    "Øyvind Åsgård",
    "Nguyễn Văn Đức",
    "山田太郎",
    "محمد علي",
    "O'Neill & Sons (UK) Ltd.",
    "علی نیک\u200cزاد",
    "ශ්\u200dරී ලංකා",
    "അവന്\u200d",
  ])("may be %s", (name) => {
    expect(isName(name.normalize("NFC"))).toBe(true)
  })

  it.each([
    ["nothing", ""],
    ["white space alone", " "],
    ["white space before it", " Ada"],
    ["white space after it", "Ada "],
    ["a no-break space at its end", "Ada\u00a0"],
    ["a line break", "Ada\nLovelace"],
    ["a null character", "Ada\u0000"],
    ["an escape sequence", "Ada\u001b[31m"],
    ["a right-to-left override", "Ada\u202eecalevoL"],
    ["a bidirectional isolate", "Ada\u2066Lovelace\u2069"],
    ["a zero-width space", "Ada\u200bLovelace"],
    ["a zero-width joiner in letters that do not join", "Ada\u200dLovelace"],
    ["a zero-width non-joiner before it", "\u200cعلی"],
    ["two joiners in a row", "نیک\u200c\u200cزاد"],
    ["a joiner after a digit", "نیک 1\u200c2"],
    ["a soft hyphen", "Ada\u00adLovelace"],
    ["a byte-order mark", "\ufeffAda"],
    ["a line separator", "Ada\u2028Lovelace"],
    ["a private-use character", "Ada\ue000"],
    ["half a surrogate pair", "Ada\ud83d"],
    ["an unassigned character", "Ada\u0378"],
    ["a tag character", "Ada\u{e0041}"],
    ["decomposed accents", "Zoe\u0308"],
    ["more than 140 characters", "a".repeat(141)],
  ])("may not have %s", (_, name) => {
    expect(isName(name)).toBe(false)
  })

  it("may have as many characters as allowed, however many units of UTF-16 they take", () => {
    expect(isName("a".repeat(140))).toBe(true)
    expect(isName("\u{20BB7}".repeat(140))).toBe(true)
    expect(isName("\u{20BB7}".repeat(141))).toBe(false)
  })

  it("and an account make a beneficiary", () => {
    const isBeneficiary = Schema.is(Beneficiary)
    expect(isBeneficiary({ name: "Ada Lovelace", account: iban })).toBe(true)
    expect(isBeneficiary({ name: "Ada\u202e", account: iban })).toBe(false)
    expect(isBeneficiary({ account: iban })).toBe(false)
    expect(isBeneficiary({ name: "Ada Lovelace" })).toBe(false)
  })
})

describe("the mask of an account", () => {
  it.each([
    [iban, "iban …3000"],
    [sortCode, "sort-code …9911"],
    [aba, "aba …6789"],
    [{ ...bic, accountNumber: "12345678" }, "bic …5678"],
    [bic, "bic …"],
    [{ ...bic, accountNumber: "1" }, "bic …"],
    [email, "email …"],
    [phone, "phone …2671"],
    [payPal, "paypal-id …HCQ2"],
  ])("shows the scheme and at most four characters (case %#)", (account, mask) => {
    expect(maskedAccount(visibleOf(account))).toBe(mask)
  })

  it("never shows more than half of a number", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z0-9]{1,34}$/), (accountNumber) => {
        const shown = maskedAccount(visibleOf({ ...bic, accountNumber })).slice("bic …".length)
        expect(shown.length).toBeLessThanOrEqual(accountNumber.length / 2)
        expect(accountNumber.endsWith(shown)).toBe(true)
      }),
    )
  })
})

describe("the type of a beneficiary", () => {
  const readBeneficiary = Schema.decodeUnknownResult(Beneficiary)
  const of = (type: unknown, holderType?: unknown) =>
    readBeneficiary({
      name: "Ada",
      account: { ...aba, ...(holderType === undefined ? {} : { holderType }) },
      ...(type === undefined ? {} : { type }),
    })

  it("agrees with who holds its American account", () => {
    for (const [type, holderType] of [
      ["person", "individual"],
      ["company", "company"],
      ["company", undefined],
      [undefined, "individual"],
    ])
      expect(Result.isSuccess(of(type, holderType))).toBe(true)
    expect(Result.isSuccess(of("organisation"))).toBe(false)
    for (const [type, holderType] of [
      ["person", "company"],
      ["company", "individual"],
    ]) {
      const problem = Result.getOrThrow(Result.flip(of(type, holderType))).message
      expect(problem).toContain(`${type}, and the account's holderType is ${holderType}`)
      expect(problem).toContain('["type"]')
    }
  })

  it("follows from the holder where it is missing, and the holder from it", () => {
    expect(typeOf({ account: { ...aba, holderType: "individual" } })).toBe("person")
    expect(typeOf({ account: { ...aba, holderType: "company" } })).toBe("company")
    expect(typeOf({ account: aba, type: "company" })).toBe("company")
    expect(typeOf({ account: aba })).toBeUndefined()
    expect(heldAccount(aba, "person")).toEqual({ ...aba, holderType: "individual" })
    expect(heldAccount(aba, "company")).toEqual({ ...aba, holderType: "company" })
    expect(heldAccount({ ...aba, holderType: "individual" }, "person").holderType).toBe("individual")
    expect(heldAccount(iban, "company")).toBe(iban)
    const visible = visibleBeneficiaryOf({ name: "Ada", account: { ...aba, holderType: "company" } })
    expect(visible.type).toBe("company")
  })
})

describe("an address", () => {
  const isAddress = Schema.is(Address)
  const town = { town: "Berlin", country: "DE" }

  it.each([
    ["town and country alone", {}, true],
    ["one free line", { lines: ["Hinterhaus"] }, true],
    ["two free lines of 70 characters", { lines: ["a".repeat(70), "b".repeat(70)] }, true],
    ["three free lines", { lines: ["a", "b", "c"] }, false],
    ["no free lines, but a list of them", { lines: [] }, false],
    ["a free line of 71 characters", { lines: ["a".repeat(71)] }, false],
    ["an empty line", { lines: [""] }, false],
    ["lines with a break", { lines: ["a\nb"] }, false],
  ])("of %s is one: %#", (_, more, is) => {
    expect(isAddress({ ...town, ...more })).toBe(is)
  })

  it.each(["town", "country"])("has a %s also where it has lines", (field) => {
    const { [field]: _, ...rest } = { ...town, lines: ["Berlin, Germany"] } as Record<string, unknown>
    expect(isAddress(rest)).toBe(false)
  })
})

it("a text quotes a wallet by the name before the @, in any case, and not by its domain", () => {
  const ada = { scheme: "email", email: "ada.lovelace@example.com" } as const
  expect(quotesAccount("no wallet ADA.LOVELACE", ada)).toBe(true)
  expect(quotesAccount("see www.example.com", ada)).toBe(false)
  expect(quotesAccount("call 415 555 26 71", phone)).toBe(true)
  expect(quotesAccount("G83JXTJ is unknown", payPal)).toBe(true)
})

it("a beneficiary is the same again once it is opened", () => {
  const account = { scheme: "iban", iban: "DE89370400440532013000" } as const
  for (const more of [
    {},
    { type: "company" },
    { address: { town: "Berlin", country: "DE" }, type: "person" },
  ] as const) {
    const beneficiary = { name: "Ada Lovelace", account, ...more }
    const opened = openedBeneficiaryOf(visibleBeneficiaryOf(beneficiary), unsealed(sealedOf(beneficiary)))
    expect(opened).toEqual(beneficiary)
  }
})

it("a log is read whose address is in a country that there is no more", () => {
  const visible = { name: "Ada", account: { scheme: "iban", country: "YU", lastFour: "3000" } }
  expect(Schema.is(VisibleBeneficiary)({ ...visible, addressCountry: "YU" })).toBe(true)
  expect(Schema.is(VisibleBeneficiary)({ ...visible, addressCountry: "Belgrade" })).toBe(false)
})

it("a text quotes an account if it has six of its characters in a row, from anywhere in it", () => {
  const digits = (length: number) =>
    fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: length, maxLength: length })
  const number = fc.integer({ min: 6, max: 24 }).chain(digits)
  fc.assert(
    fc.property(
      number,
      fc.nat(),
      fc.nat(24),
      fc.constantFrom("", " ", "-"),
      (accountNumber, at, length, gap) => {
        const from = at % accountNumber.length
        const part = accountNumber.slice(from, from + length)
        const text = `ref. ${[...part].join(gap)} x`
        const account = { scheme: "bic", bic: "DEUTDEFF", accountNumber } as const
        expect(quotesAccount(text, account)).toBe(part.length >= 6)
      },
    ),
    { numRuns: 500 },
  )
})
