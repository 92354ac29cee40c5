/**
 * The roles of operators. Each is a set of acts; who has several roles may do what any of them permits. A key, a setting or an
 * issuer names roles, and what a role permits is defined only here.
 */
import { acts, isOperatorAct, type OperatorAct } from "./access.ts"

/** What each role permits. Who decides about batches may also cancel them: that moves no money. */
export const actsOfRole = {
  /** Looks at the batches of all partners. */
  viewer: ["batches:read"],
  /** Releases or rejects items that compliance held. */
  reviewer: ["review", "cancel", "batches:read"],
  /** Approves batches. */
  approver: ["approve", "cancel", "batches:read"],
  /** Decides about parked transfers, and has failed items paid again. */
  resolver: ["resolve", "retry", "cancel", "batches:read"],
  /** Manages partners, their contracts, and keys, and gives each what it needs. Sees and decides nothing of batches. */
  admin: ["keys:manage", "keys:grant", "audit:read"],
  /** Reads the audit trail and the batches, and changes nothing. */
  auditor: ["audit:read", "batches:read"],
} as const satisfies Readonly<Record<string, ReadonlyArray<OperatorAct>>>

export type Role = keyof typeof actsOfRole

export const operatorRoles = Object.keys(actsOfRole) as ReadonlyArray<Role>

export const isOperatorRole = (text: string): text is Role => Object.hasOwn(actsOfRole, text)

/** What an operator's key, setting or sign-in may list: roles, and single acts. */
export const isRoleOrAct = (text: string): text is OperatorAct | Role =>
  isOperatorRole(text) || isOperatorAct(text)

/** The acts that a list of roles and acts permits. Others, which a later release may have added, permit nothing here. */
export const actsIn = (list: ReadonlyArray<string>): ReadonlySet<OperatorAct> =>
  new Set(
    list.flatMap((one): ReadonlyArray<OperatorAct> => {
      if (isOperatorRole(one)) return actsOfRole[one]
      return isOperatorAct(one) ? [one] : []
    }),
  )

/** The acts of an operator of the settings whose entry has no list: everything to batches except approve, which partners do. */
export const actsWithoutList: ReadonlyArray<OperatorAct> = acts.filter((act) => act !== "approve")
