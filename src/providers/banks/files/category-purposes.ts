/** ISO 20022's ExternalCategoryPurpose1Code (external code sets, 2025): what a whole payment is for, which may decide how a bank handles it. */
export const categoryPurposes = [
  ...(["BONU", "CASH", "CBLK", "CCRD", "CGWV", "CIPC", "CONC", "CORT", "CTDF", "DCRD", "DIVI"] as const),
  ...(["DVPM", "EPAY", "FCDT", "FCIN", "FCOL", "GOVT", "GP2P", "HEDG", "ICCP", "IDCP", "INTC"] as const),
  ...(["INTE", "LBOX", "LOAN", "MP2B", "MP2P", "OTHR", "PENS", "RPRE", "RRCT", "RVPM", "SALA"] as const),
  ...(["SAVG", "SECU", "SSBE", "SUPP", "SWEP", "TAXS", "TOPG", "TRAD", "TREA", "VATX", "VOST"] as const),
  ...(["WHLD", "ZABA"] as const),
] as const
