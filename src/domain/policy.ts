/** Who acts when nobody does: the batch's own policy. */
export const POLICY = "policy"
